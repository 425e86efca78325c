//! Which jobs to create, delete and remember. Pure.

use std::sync::Arc;
use std::time::Duration;

use corvette_client::events::EventType;
use corvette_client::kube::{Resource as _, ResourceExt as _};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, CronJobStatus, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::times::{Timetable, missed};
use crate::controllers::shared::claim::controller_ref;
use crate::controllers::shared::counts::wanted;

/// The annotation of a job with the time it was made for.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// From this many missed times on something is wrong.
const TOO_MANY: usize = 100;

/// One thing to tell.
pub type Told = (EventType, &'static str, String);

/// What to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Delete these jobs because they have ended and are too many.
    pub forget: Vec<String>,
    /// Delete these jobs because another takes their place.
    pub replace: Vec<String>,
    /// Create this job, made for this time.
    pub create: Option<(Box<Job>, Timestamp)>,
    /// The status before the job is created.
    pub status: CronJobStatus,
    /// Events.
    pub told: Vec<Told>,
    /// When to look again.
    pub again: Option<Duration>,
}

/// Returns the condition with which a job ended: `Complete` or `Failed`.
fn end(job: &Job) -> Option<&'static str> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let ended = |kind: &str| conditions.iter().any(|c| c.type_ == kind && c.status == "True");
    ["Complete", "Failed"].into_iter().find(|kind| ended(kind))
}

/// Plans from the cron job and the jobs it owns.
pub fn plan(cron: &CronJob, jobs: &[Arc<Job>], now: Timestamp) -> Plan {
    let spec = cron.spec.clone();
    let mut plan = Plan { status: cron.status.clone().unwrap_or_default(), ..Plan::default() };
    plan.forget = surplus(&spec, jobs);
    follow(jobs, &mut plan);
    if cron.metadata.deletion_timestamp.is_some() || spec.suspend == Some(true) {
        return plan;
    }
    let table = match Timetable::new(&spec.schedule, spec.time_zone.as_deref()) {
        Ok(table) => table,
        Err(error) => {
            let reason = if error.starts_with("unknown time zone") { "UnknownTimeZone" } else { "UnparseableSchedule" };
            let message = match reason {
                "UnknownTimeZone" => {
                    format!("invalid timeZone: {:?}: {error}", spec.time_zone.as_deref().unwrap_or_default())
                }
                _ => format!("unparseable schedule: {:?} : {error}", spec.schedule),
            };
            plan.told.push((EventType::Warning, reason, message));
            return plan;
        }
    };
    plan.again = table.next(now).map(|next| {
        let rest = next.duration_since(now).saturating_add(SignedDuration::from_millis(100));
        Duration::try_from(rest).unwrap_or_default()
    });
    schedule(cron, &spec, &table, now, &mut plan);
    plan
}

/// Returns the names of jobs that have ended beyond the limits, the oldest first.
fn surplus(spec: &CronJobSpec, jobs: &[Arc<Job>]) -> Vec<String> {
    let mut names = Vec::new();
    let limits = [
        ("Complete", spec.successful_jobs_history_limit.unwrap_or(3)),
        ("Failed", spec.failed_jobs_history_limit.unwrap_or(1)),
    ];
    for (kind, limit) in limits {
        let mut ended: Vec<_> = jobs.iter().filter(|job| end(job) == Some(kind)).collect();
        ended.sort_by_cached_key(|job| {
            let start = job.status.as_ref().and_then(|status| status.start_time.as_ref()).map(|time| time.0);
            (start, job.name_any())
        });
        let count = ended.len().saturating_sub(wanted(limit));
        names.extend(ended.into_iter().take(count).map(|job| job.name_any()));
    }
    names
}

/// Takes jobs that have ended or are gone off the list of active ones, and notes the last success.
fn follow(jobs: &[Arc<Job>], plan: &mut Plan) {
    let listed = plan.status.active.take().unwrap_or_default();
    for job in jobs {
        let known = listed.iter().any(|active| active.uid == job.metadata.uid);
        match end(job) {
            Some(kind) => {
                if known {
                    let message = format!("Saw completed job: {}, condition: {kind}", job.name_any());
                    plan.told.push((EventType::Normal, "SawCompletedJob", message));
                }
                let time = job.status.as_ref().and_then(|status| status.completion_time.clone());
                if kind == "Complete"
                    && time.as_ref().map(|t| t.0) > plan.status.last_successful_time.as_ref().map(|t| t.0)
                {
                    plan.status.last_successful_time = time;
                }
            }
            // Ours by its annotation: made just before the status could be written.
            None if known || job.annotations().contains_key(SCHEDULED) => {
                plan.status.active.get_or_insert_default().push(reference(job));
            }
            None => {
                let message = format!("Saw a job that the controller did not create or forgot: {}", job.name_any());
                plan.told.push((EventType::Warning, "UnexpectedJob", message));
            }
        }
    }
    for gone in listed.iter().filter(|active| !jobs.iter().any(|job| job.metadata.uid == active.uid)) {
        let message = format!("Active job went missing: {}", gone.name.clone().unwrap_or_default());
        plan.told.push((EventType::Normal, "MissingJob", message));
    }
}

/// Returns how the status names a job.
pub fn reference(job: &Job) -> ObjectReference {
    ObjectReference { field_path: None, ..job.object_ref(&()) }
}

/// Creates the job of the newest time that has come, if the policy lets it.
fn schedule(cron: &CronJob, spec: &CronJobSpec, table: &Timetable, now: Timestamp, plan: &mut Plan) {
    let created = cron.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0);
    let mut since = plan.status.last_schedule_time.as_ref().map_or(created, |last| last.0);
    let deadline = spec.starting_deadline_seconds.map(SignedDuration::from_secs);
    if let Some(deadline) = deadline {
        since = since.max(now.checked_sub(deadline).unwrap_or(since));
    }
    let Some(missed) = missed(table, since, now) else { return };
    if missed.count > TOO_MANY {
        let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
        plan.told.push((EventType::Warning, "TooManyMissedTimes", message.to_owned()));
    }
    if deadline.is_some_and(|deadline| now.duration_since(missed.newest) > deadline) {
        let message =
            format!("Missed scheduled time to start a job: {}", missed.newest.strftime("%a, %d %b %Y %H:%M:%S %z"));
        plan.told.push((EventType::Warning, "MissSchedule", message));
        return;
    }
    let active = plan.status.active.clone().unwrap_or_default();
    match spec.concurrency_policy.as_deref() {
        Some("Forbid") if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            plan.told.push((EventType::Normal, "JobAlreadyActive", message.to_owned()));
            return;
        }
        Some("Replace") => plan.replace = active.into_iter().filter_map(|job| job.name).collect(),
        _ => {}
    }
    plan.create = Some((Box::new(job(cron, spec, missed.newest)), missed.newest));
}

/// Makes the job of a time; its name is the same whenever it is made.
fn job(cron: &CronJob, spec: &CronJobSpec, at: Timestamp) -> Job {
    let template = spec.job_template.clone();
    let meta = template.metadata.unwrap_or_default();
    let mut annotations = meta.annotations.unwrap_or_default();
    let zone = spec.time_zone.as_deref().and_then(|name| jiff::tz::TimeZone::get(name).ok());
    let local = at.to_zoned(zone.unwrap_or(jiff::tz::TimeZone::UTC));
    let text =
        if local.offset().is_zero() { at.to_string() } else { local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string() };
    annotations.insert(SCHEDULED.to_owned(), text);
    Job {
        metadata: ObjectMeta {
            name: Some(format!("{}-{}", cron.name_any(), at.as_second().div_euclid(60))),
            namespace: cron.namespace(),
            labels: meta.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![controller_ref(cron)]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}

/// Puts a job that was created into the status.
pub fn started(status: &mut CronJobStatus, job: &Job, at: Timestamp) {
    let active = status.active.get_or_insert_default();
    if !active.iter().any(|known| known.uid == job.metadata.uid) {
        active.push(reference(job));
    }
    status.last_schedule_time = Some(Time(at));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::controllers::shared::testing::at;

    fn cron(policy: &str, deadline: Option<i64>, suspend: bool) -> CronJob {
        serde_json::from_value(json!({
            "metadata": {"name": "c", "namespace": "n", "uid": "u", "creationTimestamp": "1970-01-01T00:00:00Z"},
            "spec": {
                "schedule": "* * * * *", "concurrencyPolicy": policy, "startingDeadlineSeconds": deadline,
                "suspend": suspend, "successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1,
                "jobTemplate": {"spec": {"template": {}}},
            },
        }))
        .unwrap()
    }

    fn job(name: &str, end: Option<&str>) -> Arc<Job> {
        let conditions = end.map(|kind| json!([{"type": kind, "status": "True"}]));
        let value = json!({
            "metadata": {
                "name": name, "namespace": "n", "uid": format!("u-{name}"),
                "annotations": {SCHEDULED: "1970-01-01T00:09:00Z"},
            },
            "status": {"conditions": conditions},
        });
        Arc::new(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn policies_decide_about_a_job_that_still_runs() {
        let now = at(630);
        let running = [job("c-9", None)];
        let made = |policy: &str, jobs: &[Arc<Job>]| plan(&cron(policy, None, false), jobs, now);
        let first = made("Forbid", &[]).create.unwrap();
        assert_eq!((first.0.name_any(), first.1), ("c-10".to_owned(), at(600)));
        assert_eq!(first.0.annotations()[SCHEDULED], "1970-01-01T00:10:00Z");
        let allowed = made("Allow", &running);
        assert!(allowed.create.is_some() && allowed.replace.is_empty());
        let forbidden = made("Forbid", &running);
        assert!(forbidden.create.is_none() && forbidden.told[0].1 == "JobAlreadyActive");
        assert_eq!(made("Replace", &running).replace, ["c-9"]);
        assert!(plan(&cron("Allow", None, true), &[], now).create.is_none());
        assert!(plan(&cron("Allow", Some(10), false), &[], now).create.is_none());
        assert_eq!(allowed.again, Some(Duration::from_millis(30_100)));
    }

    #[test]
    fn a_job_that_somebody_else_made_is_told_and_holds_nothing_up() {
        let mut manual = Job::clone(&job("mine", None));
        manual.metadata.annotations = None;
        let plan = plan(&cron("Forbid", None, false), &[Arc::new(manual)], at(630));
        let told = "Saw a job that the controller did not create or forgot: mine".to_owned();
        assert_eq!(plan.told, [(EventType::Warning, "UnexpectedJob", told)]);
        assert_eq!(plan.status.active, None);
        assert!(plan.create.is_some());
    }

    #[test]
    fn history_is_kept_within_its_limits() {
        let jobs: Vec<Arc<Job>> = (0..5)
            .map(|n| job(&format!("g{n}"), Some("Complete")))
            .chain((0..3).map(|n| job(&format!("b{n}"), Some("Failed"))))
            .collect();
        assert_eq!(plan(&cron("Allow", None, true), &jobs, at(0)).forget, ["g0", "g1", "g2", "b0", "b1"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn no_time_is_run_twice_and_the_newest_always_is(steps in prop::collection::vec(1..400_i64, 1..20)) {
            let mut cron = cron("Allow", None, false);
            let (mut now, mut names) = (0, std::collections::BTreeSet::new());
            for step in steps {
                now += step;
                let found = plan(&cron, &[], at(now));
                let mut status = found.status;
                let due = now.div_euclid(60);
                let last = cron.status.as_ref().and_then(|s| s.last_schedule_time.as_ref()).map_or(0, |t| t.0.as_second() / 60);
                prop_assert_eq!(found.create.is_some(), due > last);
                if let Some((job, time)) = found.create {
                    prop_assert_eq!(time, at(due * 60));
                    prop_assert!(names.insert(job.name_any()));
                    started(&mut status, &job, time);
                    status.active = None;
                }
                cron.status = Some(status);
            }
        }
    }
}
