//! Keeps the zone as the watches say.

use std::sync::Arc;

use corvette_client::NamespacedName;
use corvette_client::informer::{Change, Informer, Informers};
use corvette_component::clock::SharedClock;
use k8s_openapi::api::core::v1::{Namespace, Service as ApiService};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use parking_lot::RwLock;

use crate::model::{Service, Slice};
use crate::zone::Zone;

/// Lets the informers of what names depend on feed `zone`. Start them afterwards.
pub(crate) fn watch(informers: &Informers, zone: &Arc<RwLock<Zone>>, clock: &SharedClock) {
    let services: Informer<ApiService> = informers.of();
    services.on_change(editing(zone, clock, |zone, change: &Change<ApiService>| {
        let key = NamespacedName::of(change.object().as_ref());
        match Service::from_api(change.object()).filter(|_| !is_gone(change)) {
            Some(service) => zone.apply_service(&key, service),
            None => zone.delete_service(&key),
        }
    }));
    let slices: Informer<EndpointSlice> = informers.of();
    slices.on_change(editing(zone, clock, |zone, change: &Change<EndpointSlice>| {
        let key = NamespacedName::of(change.object().as_ref());
        match Slice::from_api(change.object()).filter(|_| !is_gone(change)) {
            Some(slice) => zone.apply_slice(&key, slice),
            None => zone.delete_slice(&key),
        }
    }));
    let namespaces: Informer<Namespace> = informers.of();
    namespaces.on_change(editing(zone, clock, |zone, change: &Change<Namespace>| {
        let name = change.object().metadata.name.as_deref().unwrap_or_default();
        if is_gone(change) { zone.delete_namespace(name) } else { zone.apply_namespace(name) }
    }));
}

/// A handler that makes an edit and, when it changed anything, the serial number the time of it.
fn editing<K>(
    zone: &Arc<RwLock<Zone>>,
    clock: &SharedClock,
    edit: impl Fn(&mut Zone, &Change<K>) -> bool + Send + Sync + 'static,
) -> impl Fn(&Change<K>) + Send + Sync + 'static {
    let (zone, clock) = (zone.clone(), clock.clone());
    move |change| {
        let mut zone = zone.write();
        if edit(&mut zone, change) {
            zone.set_serial(u32::try_from(clock.now().as_second()).unwrap_or(u32::MAX));
        }
    }
}

fn is_gone<K>(change: &Change<K>) -> bool {
    matches!(change, Change::Deleted(_))
}
