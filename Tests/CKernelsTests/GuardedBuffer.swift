import CKernels
import Glibc
import Synchronization

/// Values that end where a page begins that nobody may touch: a kernel that reads or writes one
/// element too many dies. Starts are unaligned, as the lengths have it.
///
/// The memory outlives the object: an optimizer may end that before the last use of its pointer. It is returned when
/// `keptMax` newer buffers were made, more than tests that run at once use: each takes two of the mappings that the
/// kernel allows a process (`vm.max_map_count`, 65,530), and the tests make more than that.
struct GuardedBuffer<Element: BitwiseCopyable> {
    let start: UnsafeMutablePointer<Element>
    let count: Int
    private static var page: Int { 4096 }

    init(_ values: [Element]) {
        count = values.count
        let size = max(1, values.count) * MemoryLayout<Element>.stride
        let used = (size + Self.page - 1) / Self.page * Self.page
        guard let mapped = mmap(nil, used + Self.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            mapped != MAP_FAILED, mprotect(mapped + used, Self.page, PROT_NONE) == 0
        else { preconditionFailure("no memory for a guarded buffer") }
        let first = mapped + used - values.count * MemoryLayout<Element>.stride
        GuardedMappings.keep(mapped, used + Self.page)
        start = first.bindMemory(to: Element.self, capacity: max(1, values.count))
        start.initialize(from: values, count: values.count)
    }

    var values: [Element] { Array(UnsafeBufferPointer(start: start, count: count)) }
}

/// The newest mappings of all tests.
enum GuardedMappings {
    private static let keptMax = 12_000
    private static let ring = Mutex<(mappings: [(address: UInt, size: Int)], next: Int)>(([], 0))

    static func keep(_ start: UnsafeMutableRawPointer, _ size: Int) {
        let new = (address: UInt(bitPattern: start), size: size)
        let oldest: (address: UInt, size: Int)? = ring.withLock { ring in
            guard ring.mappings.count == keptMax else {
                ring.mappings.append(new)
                return nil
            }
            let oldest = ring.mappings[ring.next]
            ring.mappings[ring.next] = new
            ring.next = (ring.next + 1) % keptMax
            return oldest
        }
        if let oldest { munmap(UnsafeMutableRawPointer(bitPattern: oldest.address), oldest.size) }
    }
}

/// SplitMix64, so that every run tests the same numbers.
struct TestGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in [-limit, limit).
    mutating func float(_ limit: Float) -> Float { (Float(next() >> 40) * 0x1p-23 - 1) * limit }

    mutating func floats(_ count: Int, _ limit: Float = 1) -> [Float] { (0..<count).map { _ in float(limit) } }
}

/// An instruction set that this processor has.
struct Variant: Sendable, CustomStringConvertible {
    let isa: kn_isa
    let description: String

    static let available: [Variant] = [
        Variant(isa: KN_ISA_PLAIN, description: "plain"), Variant(isa: KN_ISA_AVX2, description: "avx2"),
        Variant(isa: KN_ISA_AVXVNNI, description: "avxvnni"), Variant(isa: KN_ISA_AVX512VNNI, description: "avx512vnni"),
        Variant(isa: KN_ISA_NEON, description: "neon"), Variant(isa: KN_ISA_AVX512BF16, description: "avx512bf16"),
    ].filter { kn_isa_available($0.isa) }

    var floats: kn_float_kernels {
        guard let table = kn_float_variant(isa) else { preconditionFailure("the processor has \(description)") }
        return table.pointee
    }

    var rows: kn_row_kernels {
        guard let table = kn_row_variant(isa) else { preconditionFailure("the processor has \(description)") }
        return table.pointee
    }

    var layers: kn_layer_kernels {
        guard let table = kn_layer_variant(isa) else { preconditionFailure("the processor has \(description)") }
        return table.pointee
    }

    var packed: kn_packed_kernels {
        guard let table = kn_packed_variant(isa) else { preconditionFailure("the processor has \(description)") }
        return table.pointee
    }
}

let awkwardLengths = [1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 67, 127, 128, 129, 193, 255, 256, 1023]
