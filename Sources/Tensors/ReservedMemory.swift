internal import Glibc

/// Zeroed memory that is reserved whole and committed by the operating system page by page, as it is
/// first touched: a table can be as large as its bound and cost only what is in use.
@usableFromInline @safe struct ReservedMemory<Element: BitwiseCopyable>: ~Copyable {
    @usableFromInline let start: UnsafeMutablePointer<Element>
    let count: Int
    private let byteCount: Int

    /// - Parameters:
    ///   - count: elements. The first starts on a page, so on 64 bytes.
    ///   - pages: of what size, where there is much memory.
    init(count: Int, pages: MemoryPages = .large) {
        let size = max(1, count) * MemoryLayout<Element>.stride
        let memory = unsafe mmap(
            nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            Self.endProcess(bytes: size)
        }
        unsafe start = memory.bindMemory(to: Element.self, capacity: max(1, count))
        self.count = count
        byteCount = size
        // In pages of 2 MiB a random row costs one miss instead of two; a system that has none says no.
        if pages == .large, size >= Self.largeBytes { unsafe _ = madvise(memory, size, MADV_HUGEPAGE) }
    }

    /// Where the system counts what is reserved as if it were in use (`vm.overcommit_memory=2`), or limits it, a table that
    /// is reserved whole may not fit. Nothing can go on without it, and nothing is lost: that is said in a sentence, with
    /// the exit code of a configuration that has to change.
    private static func endProcess(bytes: Int) -> Never {
        let sentence =
            "freshet: the system grants no \(bytes >> 20) MiB of memory for a table: lower model.max_items or sessions.max_users, "
            + "or raise the limit (vm.overcommit_memory, ulimit -v, MemoryMax)\n"
        var text = sentence
        text.withUTF8 { unsafe _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
        _exit(78)
    }

    /// From here on memory comes in large pages: the last one in use is then at most a quarter of it.
    private static var largeBytes: Int { 8 << 20 }

    deinit {
        unsafe munmap(start, byteCount)
    }
}

/// The pages that memory comes in as it is first touched.
public enum MemoryPages: Sendable {
    /// Of 2 MiB: rows at random are reached faster, but bringing one in takes milliseconds.
    case large
    /// Of 4 KiB: no touch takes long.
    case small
}
