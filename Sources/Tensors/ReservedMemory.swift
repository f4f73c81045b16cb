internal import Glibc

/// Zeroed memory that is reserved whole and committed by the operating system page by page, as it is
/// first touched: a table can be as large as its bound and cost only what is in use.
@safe struct ReservedMemory<Element: BitwiseCopyable>: ~Copyable {
    let start: UnsafeMutablePointer<Element>
    let count: Int
    private let byteCount: Int

    /// - Parameter count: elements. Starts on a page, so on 64 bytes.
    init(count: Int) {
        let size = max(1, count) * MemoryLayout<Element>.stride
        let memory = unsafe mmap(
            nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            preconditionFailure("the system reserves no \(size) bytes: lower model.max_items")
        }
        unsafe start = memory.bindMemory(to: Element.self, capacity: max(1, count))
        self.count = count
        byteCount = size
        // In pages of 2 MiB a random row costs one miss instead of two; a system that has none says no.
        if size >= Self.hugeBytes { unsafe _ = madvise(memory, size, MADV_HUGEPAGE) }
    }

    /// From here on memory comes in large pages: the last one in use is then at most a quarter of it.
    private static var hugeBytes: Int { 8 << 20 }

    deinit {
        unsafe munmap(start, byteCount)
    }
}
