//! CPU time of this process, to which others add little; of all its threads, as mls-rs works on several.

/// Microseconds since the process began; none where the system does not tell.
#[cfg(unix)]
pub fn cpu_micros() -> Option<f64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours, which lives through the call.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    (status == 0).then(|| time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3)
}

/// Microseconds since the process began; none where the system does not tell.
#[cfg(not(unix))]
pub fn cpu_micros() -> Option<f64> {
    None
}
