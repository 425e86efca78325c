//! The chain itself: every request passes these steps, in this order.

use std::{sync::Arc, time::Instant};

use corvette_api::status::Status;
use http::{Request, Response};

use super::{audit, authn, authz::Attributes, deadline, impersonation, panic, request_info::RequestInfo};
use crate::{
    App, UserInfo,
    body::Body,
    endpoints::{
        dispatch,
        negotiate::{self, Media, Messages, Views},
        reply,
    },
    nonresource,
};

/// Serves a request: whatever goes wrong becomes a Status answer.
pub async fn serve(app: Arc<App>, request: Request<Body>) -> Response<Body> {
    let started = Instant::now();
    let info = RequestInfo::parse(request.method(), request.uri());
    let accept = negotiate::negotiate_with(request.headers(), Views::ObjectOnly, Messages::Known);
    let media = accept.map_or(Media::Json, |accept| accept.media);
    let recorded = info.clone();
    let mut who = None;
    let outcome = panic::guarded(pass(app, info, request, &mut who)).await;
    let response = outcome.unwrap_or_else(|failed| reply::failure(&failed, media));
    audit::record(&recorded, who.as_deref(), response.status().as_u16(), started.elapsed());
    response
}

async fn pass(
    app: Arc<App>,
    info: RequestInfo,
    request: Request<Body>,
    who: &mut Option<Arc<UserInfo>>,
) -> Result<Response<Body>, Status> {
    let user = authn::authenticate(&app, request.headers(), request.extensions()).await?;
    let user = impersonation::impersonate(&app.authorizers, request.headers(), user)?;
    *who = Some(Arc::clone(&user));
    let place = app.limits.admit(&info, &user)?;
    app.authorizers.check(&Attributes::of_request(&user, &info))?;
    let bounds = info.clone();
    let response = deadline::within(&bounds, async {
        if info.is_resource {
            dispatch::dispatch(app, info, user, request).await
        } else {
            let (head, _body) = request.into_parts();
            nonresource::serve(&app, &info, &head).await
        }
    })
    .await;
    drop(place);
    response
}
