internal import Glibc

/// Lets a thread that writes in the background give way to those that answer events.
public enum ThreadPriority {
    /// Lowers the priority of the calling thread alone (setpriority(2): on Linux the niceness is a thread's).
    ///
    /// - Returns: why the system refuses, as a seccomp filter does; nil where it is done.
    public static func lower(to niceness: Int32) -> String? {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) == 0 ? nil : DirectoryLock.reason(errno)
    }
}
