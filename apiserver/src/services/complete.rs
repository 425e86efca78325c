//! Completes a service: chooses the address and ports it leaves open, checks those it names.

use std::{net::IpAddr, sync::Arc};

use corvette_api::{
    field::{Errors, Path},
    gvk::GroupKind,
    kinds::core::service::{needs_cluster_ip, needs_health_check_port, needs_node_port},
    meta,
    status::{self, Status},
};
use serde_json::{Value, json};

use super::pool::{self, Allocator, Choice, Refused};
use crate::{App, hooks::Reservation};

/// Value of `clusterIP` of services without one.
const HEADLESS: &str = "None";

impl Allocator {
    /// Completes a service that is created or changed from `old`.
    ///
    /// # Errors
    /// 422 for an address or port that cannot be had, 500 when there is none left.
    pub(super) async fn complete(
        &self,
        app: &Arc<App>,
        service: &mut Value,
        old: Option<&Value>,
    ) -> Result<Reservation, Status> {
        if old.is_some_and(|old| old.get("spec") == service.get("spec")) {
            return Ok(Reservation::default());
        }
        let _choosing = self.choosing.lock().await;
        let others = app.objects_of("", "services", None).await?;
        let mut choice = Choice::new(self, &others, service);
        let mut errors = Errors::default();
        self.complete_address(&mut choice, service, old, &mut errors)?;
        self.complete_ports(&mut choice, service, &mut errors)?;
        self.complete_health_port(&mut choice, service, &mut errors)?;
        if !errors.is_empty() {
            return Err(status::invalid(&GroupKind::new("", "Service"), meta::name(service), &errors));
        }
        Ok(Reservation::new(choice.reserve()))
    }

    fn complete_address(
        &self,
        choice: &mut Choice<'_>,
        service: &mut Value,
        old: Option<&Value>,
        errors: &mut Errors,
    ) -> Result<(), Status> {
        let Some(spec) = service.get("spec") else { return Ok(()) };
        if !needs_cluster_ip(spec) {
            return Ok(());
        }
        let given = spec.get("clusterIP").and_then(Value::as_str).unwrap_or_default().to_owned();
        if given == HEADLESS {
            set_address(service, HEADLESS);
            return Ok(());
        }
        if given.is_empty() {
            let address =
                choice.any_address().map_err(|_| status::internal("failed to allocate a serviceIP: range is full"))?;
            set_address(service, &address.to_string());
            return Ok(());
        }
        let Ok(address) = given.parse::<IpAddr>() else { return Ok(()) };
        let had = old.is_some_and(|old| pool::addresses_of(old).any(|had| had == address));
        if had {
            return Ok(());
        }
        let reason = match choice.take_address(address) {
            Ok(()) => return Ok(()),
            Err(Refused::OutOfRange) => format!(
                "the provided IP ({address}) is not in the valid range. The range of valid IPs is {}",
                self.addresses
            ),
            Err(_) => "provided IP is already allocated".to_owned(),
        };
        let path = Path::new("spec").child("clusterIPs");
        errors.invalid_value(&path, json!([given]), format!("failed to allocate IP {address}: {reason}"));
        Ok(())
    }

    fn complete_ports(&self, choice: &mut Choice<'_>, service: &mut Value, errors: &mut Errors) -> Result<(), Status> {
        let Some(spec) = service.get_mut("spec") else { return Ok(()) };
        if !needs_node_port(spec) {
            return Ok(());
        }
        let Some(ports) = spec.get_mut("ports").and_then(Value::as_array_mut) else { return Ok(()) };
        // Ports of the same number and different protocols may share a node port.
        let mut chosen: Vec<(Option<Value>, u16)> = Vec::new();
        for (index, port) in ports.iter().enumerate() {
            let Some(given) = node_port(port) else { continue };
            let number = port.get("port").cloned();
            if chosen.contains(&(number.clone(), given)) {
                continue;
            }
            if let Err(refused) = choice.take_port(given) {
                let path = Path::new("spec").child("ports").index(index).child("nodePort");
                errors.invalid_value(&path, given, self.port_refusal(refused));
            }
            chosen.push((number, given));
        }
        for port in ports.iter_mut().filter(|port| node_port(port).is_none()) {
            let number = port.get("port").cloned();
            let shared = chosen.iter().find(|(other, _)| *other == number).map(|(_, port)| *port);
            let shared = shared.filter(|_| number.is_some());
            let free = match shared {
                Some(shared) => shared,
                None => {
                    choice.any_port().map_err(|_| status::internal("failed to allocate a nodePort: range is full"))?
                }
            };
            chosen.push((number, free));
            meta::as_map(port).insert("nodePort".to_owned(), free.into());
        }
        Ok(())
    }

    fn complete_health_port(
        &self,
        choice: &mut Choice<'_>,
        service: &mut Value,
        errors: &mut Errors,
    ) -> Result<(), Status> {
        let Some(spec) = service.get_mut("spec") else { return Ok(()) };
        if !needs_health_check_port(spec) {
            return Ok(());
        }
        let given = spec.get("healthCheckNodePort").and_then(Value::as_u64).filter(|port| *port != 0);
        match given {
            Some(given) => {
                let refused = u16::try_from(given).map_err(|_| Refused::OutOfRange).and_then(|p| choice.take_port(p));
                if let Err(refused) = refused {
                    let path = Path::new("spec").child("healthCheckNodePort");
                    errors.invalid_value(&path, given, self.port_refusal(refused));
                }
            }
            None => {
                let free = choice
                    .any_port()
                    .map_err(|_| status::internal("failed to allocate a HealthCheck NodePort: range is full"))?;
                meta::as_map(spec).insert("healthCheckNodePort".to_owned(), free.into());
            }
        }
        Ok(())
    }

    fn port_refusal(&self, refused: Refused) -> String {
        match refused {
            Refused::OutOfRange => format!(
                "provided port is not in the valid range. The range of valid ports is {}-{}",
                self.ports.start(),
                self.ports.end()
            ),
            Refused::Taken => "provided port is already allocated".to_owned(),
            Refused::Full => "range is full".to_owned(),
        }
    }
}

fn node_port(port: &Value) -> Option<u16> {
    port.get("nodePort").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)
}

fn set_address(service: &mut Value, address: &str) {
    let spec = meta::child_map(meta::as_map(service), "spec");
    spec.insert("clusterIP".to_owned(), address.into());
    spec.insert("clusterIPs".to_owned(), json!([address]));
}
