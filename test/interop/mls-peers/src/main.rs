//! MLS members by OpenMLS and mls-rs for the interop test `test/interop/mls.test.ts`: one request a line on stdin, one
//! answer a line on stdout, as JSON; bytes are hexadecimal. Beside an answer stands the CPU time that it took, in
//! microseconds, for the benchmark `test/bench/mls.ts`.

mod cpu_time;
mod member;
mod mls_rs_member;
mod openmls_member;

use std::collections::HashMap;
use std::io::{BufRead, Write, stdin, stdout};

use serde::Deserialize;
use serde_json::{Value, json, to_value};

use cpu_time::cpu_micros;
use member::{GroupMember, Invitation, Outcome, Plan, bytes, words};
use mls_rs_member::mls_rs_member;
use openmls_member::OpenMlsMember;

#[derive(Deserialize)]
struct Request {
    /// Name that the test gives to a member.
    member: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum What {
    KeyPackage { library: Library, invitation: Invitation, path: bool },
    Join { welcome: String },
    Commit { plan: Plan },
    Merge,
    Process { commit: String },
    Forget,
}

#[derive(Deserialize)]
enum Library {
    #[serde(rename = "openmls")]
    OpenMls,
    #[serde(rename = "mls-rs")]
    MlsRs,
}

#[derive(Default)]
struct Members(HashMap<String, Box<dyn GroupMember>>);

impl Members {
    fn answer(&mut self, Request { member: name, what }: Request) -> Outcome<Value> {
        if let What::KeyPackage { library, invitation, path } = what {
            let mut made: Box<dyn GroupMember> = match library {
                Library::OpenMls => Box::new(OpenMlsMember::new(invitation)?),
                Library::MlsRs => mls_rs_member(invitation, path)?,
            };
            let package = made.key_package()?;
            self.0.insert(name, made);
            return Ok(json!(hex::encode(package)));
        }
        if matches!(what, What::Forget) {
            self.0.remove(&name);
            return Ok(Value::Null);
        }
        let member = self.0.get_mut(&name).ok_or_else(|| format!("no member {name}"))?;
        let answer = match what {
            What::Join { welcome } => to_value(member.join(&bytes(&welcome)?)?),
            What::Commit { plan } => to_value(member.commit(&plan)?),
            What::Merge => to_value(member.merge()?),
            What::Process { commit } => to_value(member.process(&bytes(&commit)?)?),
            What::KeyPackage { .. } | What::Forget => unreachable!("answered above"),
        };
        answer.map_err(words("answer"))
    }
}

fn main() -> std::io::Result<()> {
    let mut members = Members::default();
    for line in stdin().lock().lines() {
        let before = cpu_micros();
        let answer = serde_json::from_str(&line?)
            .map_err(words("request"))
            .and_then(|request| members.answer(request));
        let cpu_us = cpu_micros().zip(before).map(|(after, before)| after - before);
        let line = match answer {
            Ok(value) => json!({ "ok": value, "cpu_us": cpu_us }),
            Err(error) => json!({ "error": error }),
        };
        let mut out = stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()?;
    }
    Ok(())
}
