//! Kinds of `storage.k8s.io`, and those that tell how objects are stored.

pub mod csi_driver;
pub mod csi_node;
pub mod csi_storage_capacity;
pub mod migration;
pub mod storage_class;
pub mod storage_version;
pub mod volume_attachment;
pub mod volume_attributes_class;
