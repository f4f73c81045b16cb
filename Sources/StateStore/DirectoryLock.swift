internal import Glibc

extension StateStore {
    /// Where a file would become larger than this process may make one, the system kills it unless it says that it does
    /// not mind (setrlimit(2), RLIMIT_FSIZE): then the write fails, as on a full disk. For the whole process, once.
    public static func ignoreFileSizeSignal() { _ = signal(SIGXFSZ, SIG_IGN) }
}

/// Keeps a second process out of a state directory, for as long as it lives. The system lets go of it
/// when the process dies, however it dies.
struct DirectoryLock: ~Copyable {
    private let descriptor: Int32

    /// - Throws: where the directory cannot be made or written, or another process has it.
    init(directory: String) throws(StateStoreError) {
        var partial = directory.hasPrefix("/") ? "" : "."
        for component in directory.split(separator: "/") {
            partial += "/" + component
            guard unsafe mkdir(partial, 0o700) == 0 || errno == EEXIST else {
                throw StateStoreError(errno: errno, .opening, directory: directory)
            }
        }
        let opened = unsafe open(directory + "/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw StateStoreError(errno: errno, .opening, directory: directory) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(opened)
            throw code == EWOULDBLOCK ? .inUse(path: directory) : StateStoreError(errno: code, .opening, directory: directory)
        }
        descriptor = opened
    }

    deinit {
        close(descriptor)
    }

    /// Lets go now; its life ends here.
    consuming func release() {}

    static func reason(_ code: Int32) -> String {
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }
}
