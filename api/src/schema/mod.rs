//! The shape of every API type: fields, types, list and map kinds, patch strategies.
//!
//! One table, made of `data/schema.txt` at first use, serves decoding, patches, server-side apply and OpenAPI. It lives as long
//! as the process; references between definitions are indexes, so a walk never looks up a name.

mod load;
mod types;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use types::{Def, DefId, Field, Gvk, ListType, MapType, PatchStrategy, Shape, Type, Union};

struct Table {
    defs: Vec<Def>,
    by_gvk: HashMap<Gvk<'static>, DefId>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let defs = load::load(include_str!("../../data/schema.txt"));
    // A definition that belongs to many groups (DeleteOptions, Status) never shadows the one made for a kind.
    let mut by_gvk = HashMap::with_capacity(256);
    for def in &defs {
        for gvk in def.gvks() {
            by_gvk.entry(*gvk).or_insert(def.id());
        }
    }
    Table { defs, by_gvk }
});

/// Returns all definitions, sorted by name.
pub fn definitions() -> &'static [Def] {
    &TABLE.defs
}

/// Returns a definition by its name, such as `io.k8s.api.apps.v1.Deployment`.
pub fn definition(name: &str) -> Option<&'static Def> {
    let defs = definitions();
    defs.binary_search_by(|d| d.name().cmp(name)).ok().and_then(|i| defs.get(i))
}

/// Returns the definition of a kind; the core group is empty.
pub fn of_kind(group: &str, version: &str, kind: &str) -> Option<&'static Def> {
    // The map's keys live forever; a shorter borrow of the same type finds them as well.
    let table: &'static Table = &TABLE;
    let id = lookup(&table.by_gvk, group, version, kind)?;
    Some(get(id))
}

fn lookup<'a>(map: &HashMap<Gvk<'a>, DefId>, group: &'a str, version: &'a str, kind: &'a str) -> Option<DefId> {
    map.get(&Gvk { group, version, kind }).copied()
}

/// Returns the definition of an object's `apiVersion` and `kind`.
pub fn of_object(object: &serde_json::Value) -> Option<&'static Def> {
    let (group, version) = crate::gvk::split_api_version(crate::meta::api_version(object));
    of_kind(group, version, crate::meta::kind(object))
}

/// Returns the definition of `ObjectMeta`, for kinds that have no definition of their own.
pub fn object_meta() -> &'static Def {
    static META: LazyLock<&'static Def> = LazyLock::new(|| {
        definition("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta").expect("the table holds ObjectMeta")
    });
    *META
}

/// Returns the definition a reference names. References are checked when the table is made.
pub(crate) fn get(id: DefId) -> &'static Def {
    definitions().get(usize::from(id.0)).expect("references are checked when the table is made")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_knows_deployments() {
        let deployment = of_kind("apps", "v1", "Deployment").unwrap();
        assert_eq!(deployment.name(), "io.k8s.api.apps.v1.Deployment");
        let spec = deployment.field("spec").unwrap().ty().def().unwrap();
        assert_eq!((spec.short_name(), spec.package()), ("DeploymentSpec", "v1"));
        let strategy = spec.field("strategy").unwrap();
        assert!(strategy.patch_strategy().retain_keys && !strategy.patch_strategy().merge);
        assert!(spec.field("template").unwrap().is_required() && !spec.field("replicas").unwrap().is_required());
        assert!(matches!(spec.field("replicas").unwrap().ty(), Type::Int32));
        assert!(spec.field("nothing").is_none());
    }

    #[test]
    fn the_table_knows_lists() {
        let pod = definition("io.k8s.api.core.v1.PodSpec").unwrap();
        let containers = pod.field("containers").unwrap();
        assert_eq!((containers.list_type(), containers.map_keys()), (Some(ListType::Map), &["name"][..]));
        assert_eq!(containers.patch_merge_key(), Some("name"));
        let container = containers.ty().item().unwrap().def().unwrap();
        let ports = container.field("ports").unwrap();
        assert_eq!(
            (ports.map_keys(), ports.patch_merge_key()),
            (&["containerPort", "protocol"][..], Some("containerPort"))
        );
        assert_eq!(
            ports.ty().item().unwrap().def().unwrap().field("protocol").unwrap().default_json(),
            Some("\"TCP\"")
        );
        assert_eq!(pod.field("nodeSelector").unwrap().map_type(), Some(MapType::Atomic));
    }

    #[test]
    fn every_reference_leads_somewhere_and_fields_are_sorted() {
        fn check(ty: &Type) {
            match ty {
                Type::List(item) | Type::Map(item) => check(item),
                Type::Ref(id) => assert!(!get(*id).name().is_empty()),
                _ => {}
            }
        }
        assert_eq!(definitions().len(), 771);
        assert!(definitions().is_sorted_by_key(Def::name));
        for def in definitions() {
            assert!(def.fields().is_sorted_by_key(Field::name), "{}", def.name());
            def.fields().iter().for_each(|f| check(f.ty()));
            for gvk in def.gvks() {
                assert!(of_kind(gvk.group, gvk.version, gvk.kind).is_some());
            }
        }
        assert_eq!(of_object(&serde_json::json!({"apiVersion": "v1", "kind": "Pod"})).unwrap().short_name(), "Pod");
        assert_eq!(object_meta().short_name(), "ObjectMeta");
    }
}
