//! Kinds of `admissionregistration.k8s.io`.

mod matching;
pub mod policy;
pub mod policy_binding;
pub mod webhooks;
