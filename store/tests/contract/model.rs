//! The embedded backend against a model: a map for each revision there ever was.

use std::collections::BTreeMap;

use corvette_component::tasks::Tasks;
use corvette_store::sqlite::{Options, Sqlite};
use corvette_store::{Change, Error, Expect, KeyValue, ListOptions, Revision, Store, TxnOutcome};
use proptest::prelude::*;

use crate::common::{put, read_through};

const KEYS: [&str; 6] = ["/r/a", "/r/a/b", "/r/b", "/r/b0", "/s/a", "/s/é"];
const PREFIXES: [&str; 5] = ["/", "/r/", "/r/a", "/r/b", "/s/é"];

#[derive(Debug, Clone)]
enum Op {
    Put { key: usize, expect: Expected },
    Delete { key: usize, expect: Expected },
    Compact { share: u8 },
    List { prefix: usize, share: u8, limit: usize },
    Watch { prefix: usize, share: u8 },
    Reopen,
}

/// Expectations that are sometimes true.
#[derive(Debug, Clone)]
enum Expected {
    Any,
    Absent,
    Newest,
    Stale,
}

fn op() -> impl Strategy<Value = Op> {
    let expect =
        || prop_oneof![Just(Expected::Any), Just(Expected::Absent), Just(Expected::Newest), Just(Expected::Stale)];
    let (key, prefix) = (0..KEYS.len(), 0..PREFIXES.len());
    prop_oneof![
        8 => (key.clone(), expect()).prop_map(|(key, expect)| Op::Put { key, expect }),
        4 => (key, expect()).prop_map(|(key, expect)| Op::Delete { key, expect }),
        1 => any::<u8>().prop_map(|share| Op::Compact { share }),
        3 => (prefix.clone(), any::<u8>(), 0..4_usize).prop_map(|(prefix, share, limit)| Op::List { prefix, share, limit }),
        2 => (prefix, any::<u8>()).prop_map(|(prefix, share)| Op::Watch { prefix, share }),
        1 => Just(Op::Reopen),
    ]
}

type State = BTreeMap<String, KeyValue>;

/// What the store should be: the state after each revision.
struct Model {
    states: Vec<State>,
    compacted: u64,
}

impl Model {
    fn head(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    fn now(&self) -> &State {
        self.states.last().unwrap()
    }

    /// A revision between the first and a little after the last.
    fn revision(&self, share: u8) -> Revision {
        Revision((self.head() + 2) * u64::from(share) / 256)
    }

    fn apply(&mut self, key: &str, expect: Expect, change: &Change) -> TxnOutcome {
        let current = self.now().get(key).cloned();
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => current.is_none(),
            Expect::Revision(revision) => current.as_ref().is_some_and(|kv| kv.mod_revision == revision),
        };
        let mut next = self.now().clone();
        let revision = Revision(self.head() + 1);
        match change {
            Change::Put { value, .. } if holds => {
                let create_revision = current.as_ref().map_or(revision, |kv| kv.create_revision);
                let kv = KeyValue { key: key.into(), value: value.clone(), create_revision, mod_revision: revision };
                next.insert(key.into(), kv);
            }
            Change::Delete if holds && current.is_some() => {
                next.remove(key);
            }
            _ => return TxnOutcome::Conflict { current, revision: Revision(self.head()) },
        }
        self.states.push(next);
        TxnOutcome::Done { revision, previous: current }
    }

    /// The keys that differ between neighbouring states: one for each revision.
    fn changes(&self, prefix: &str, after: Revision) -> Vec<(u64, String, bool)> {
        let pairs = self.states.windows(2).enumerate().skip(usize::try_from(after.0).unwrap());
        pairs
            .map(|(index, pair)| {
                let [before, state] = pair else { unreachable!() };
                let put = state.iter().find(|(key, kv)| before.get(*key) != Some(kv));
                let deleted = before.keys().find(|key| !state.contains_key(*key));
                let (key, deleted) = put.map(|(key, _)| (key, false)).or(deleted.map(|key| (key, true))).unwrap();
                (index as u64 + 1, key.clone(), deleted)
            })
            .filter(|(_, key, _)| key.starts_with(prefix))
            .collect()
    }
}

struct Run {
    directory: tempfile::TempDir,
    store: Sqlite,
    model: Model,
}

impl Run {
    async fn open(directory: &tempfile::TempDir) -> Sqlite {
        Sqlite::open(directory.path().join("db"), Options::default(), &Tasks::new("test")).await.unwrap()
    }

    async fn txn(&mut self, key: usize, expect: &Expected, change: Change) {
        let key = KEYS[key];
        let newest = self.model.now().get(key).map_or(Revision(0), |kv| kv.mod_revision);
        let expect = match expect {
            Expected::Any => Expect::Any,
            Expected::Absent => Expect::Absent,
            Expected::Newest => Expect::Revision(newest),
            Expected::Stale => Expect::Revision(Revision(newest.0.saturating_sub(1))),
        };
        let expected = self.model.apply(key, expect, &change);
        assert_eq!(self.store.txn(key, expect, change).await.unwrap(), expected);
        let found = self.store.get(key).await.unwrap();
        assert_eq!(found, (self.model.now().get(key).cloned(), Revision(self.model.head())));
    }

    async fn compact(&mut self, through: Revision) {
        let result = self.store.compact(through).await;
        if through.0 > self.model.head() {
            assert!(matches!(result, Err(Error::FutureRevision { .. })));
        } else {
            result.unwrap();
            self.model.compacted = self.model.compacted.max(through.0);
        }
    }

    async fn list(&self, prefix: &str, revision: Revision, limit: usize) {
        let mut options =
            ListOptions { prefix: prefix.into(), limit, revision: Some(revision), ..ListOptions::default() };
        let Some(state) = self.model.states.get(usize::try_from(revision.0).unwrap()) else {
            assert!(matches!(self.store.list(options).await, Err(Error::FutureRevision { .. })));
            return;
        };
        if revision.0 < self.model.compacted {
            assert!(matches!(self.store.list(options).await, Err(Error::Compacted { .. })));
            return;
        }
        let expected: Vec<&KeyValue> =
            state.range(prefix.to_owned()..).map(|(_, kv)| kv).filter(|kv| kv.key.starts_with(prefix)).collect();
        let mut seen = Vec::new();
        loop {
            let page = self.store.list(options.clone()).await.unwrap();
            seen.extend(page.items);
            assert_eq!(page.remaining as usize, expected.len() - seen.len());
            if !page.more {
                break;
            }
            options.start_after = seen.last().map(|kv| kv.key.to_string());
        }
        assert_eq!(seen.iter().collect::<Vec<_>>(), expected);
    }

    async fn watch(&self, prefix: &str, after: Revision) {
        let result = self.store.watch(prefix, after).await;
        if after.0 < self.model.compacted {
            assert!(matches!(result, Err(Error::Compacted { .. })));
            return;
        }
        let head = Revision(self.model.head());
        if after >= head {
            return;
        }
        let events = read_through(&mut result.unwrap(), after, head).await;
        let seen: Vec<_> = events
            .iter()
            .map(|event| {
                let revision = event.kv.mod_revision.0;
                let before = &self.model.states[usize::try_from(revision).unwrap() - 1];
                assert_eq!(event.previous.as_ref(), before.get(&*event.kv.key));
                let deleted = event.kind == corvette_store::EventKind::Delete;
                (revision, event.kv.key.to_string(), deleted)
            })
            .collect();
        assert_eq!(seen, self.model.changes(prefix, after));
    }

    async fn step(&mut self, op: &Op) {
        match op {
            Op::Put { key, expect } => {
                let value = format!("value {}", self.model.head());
                self.txn(*key, expect, put(value)).await;
            }
            Op::Delete { key, expect } => self.txn(*key, expect, Change::Delete).await,
            Op::Compact { share } => self.compact(self.model.revision(*share)).await,
            Op::List { prefix, share, limit } => {
                self.list(PREFIXES[*prefix], self.model.revision(*share), *limit).await
            }
            Op::Watch { prefix, share } => self.watch(PREFIXES[*prefix], self.model.revision(*share)).await,
            Op::Reopen => {
                self.store.close().await;
                self.store = Self::open(&self.directory).await;
                assert_eq!(self.store.current_revision().await.unwrap(), Revision(self.model.head()));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_embedded_store_behaves_as_its_model(ops in proptest::collection::vec(op(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let store = Run::open(&directory).await;
            let mut run = Run { directory, store, model: Model { states: vec![State::new()], compacted: 0 } };
            for op in &ops {
                run.step(op).await;
            }
            run.list("/", Revision(run.model.head()), 0).await;
            run.store.close().await;
        });
    }
}
