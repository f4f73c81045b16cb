internal import CSystemd

/// Tells systemd how it goes, where systemd runs this process; otherwise nothing happens.
enum SystemdNotifier {
    static func ready() { notify("READY=1\nSTATUS=serving") }

    /// Restoring a large state may take longer than a start is given: asks for two minutes from now on.
    static func restoring(rows: Int) {
        notify("EXTEND_TIMEOUT_USEC=120000000\nSTATUS=restoring the state, \(rows) rows so far")
    }

    static func stopping() { notify("STOPPING=1\nSTATUS=draining") }

    /// Fed by the engine's own progress: a stuck engine is restarted.
    static func watchdog() { notify("WATCHDOG=1") }

    private static func notify(_ state: String) {
        // Where nobody listens there is nobody to report a failure to.
        _ = unsafe sd_notify(0, state)
    }
}
