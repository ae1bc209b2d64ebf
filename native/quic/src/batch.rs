//! Events as JavaScript objects.

use napi::bindgen_prelude::*;
use napi::Env;

use crate::codes::Closed;
use crate::events::Event;

/// Events on their way to JavaScript.
pub struct Batch(pub Vec<Event>);

// The only unsafe code of the crate: the trait is unsafe as it is given a raw environment, which is valid for the
// duration of the call.
#[allow(unsafe_code)]
impl ToNapiValue for Batch {
    unsafe fn to_napi_value(raw: sys::napi_env, batch: Self) -> Result<sys::napi_value> {
        let env = Env::from_raw(raw);
        let events: Result<Vec<Object>> = batch.0.into_iter().map(|event| object(&env, event)).collect();
        unsafe { Vec::<Object>::to_napi_value(raw, events?) }
    }
}

fn object(env: &Env, event: Event) -> Result<Object<'_>> {
    let mut object = Object::new(env)?;
    match event {
        Event::StreamOpened { stream, bidi } => {
            object.set("kind", "stream-opened")?;
            object.set("stream", stream as f64)?;
            object.set("direction", if bidi { "bidi" } else { "uni" })?;
        }
        Event::Data { stream, bytes, fin } => {
            object.set("kind", "data")?;
            object.set("stream", stream as f64)?;
            object.set("bytes", Uint8ArraySlice::copy_from(env, bytes)?)?;
            object.set("fin", fin)?;
        }
        Event::Reset { stream, code } => {
            object.set("kind", "reset")?;
            object.set("stream", stream as f64)?;
            object.set("code", code as f64)?;
        }
        Event::StopSending { stream, code } => {
            object.set("kind", "stop-sending")?;
            object.set("stream", stream as f64)?;
            object.set("code", code as f64)?;
        }
        Event::Datagram { bytes } => {
            object.set("kind", "datagram")?;
            object.set("bytes", Uint8ArraySlice::copy_from(env, bytes)?)?;
        }
        Event::Drained { stream, queued } => {
            object.set("kind", "drained")?;
            object.set("stream", stream as f64)?;
            object.set("queued", queued as f64)?;
        }
        Event::Sent { stream } => {
            object.set("kind", "sent")?;
            object.set("stream", stream as f64)?;
        }
        Event::Closed(Closed { code, reason, by }) => {
            object.set("kind", "closed")?;
            object.set("code", code as f64)?;
            object.set("reason", reason)?;
            object.set("by", by.name())?;
        }
    }
    Ok(object)
}
