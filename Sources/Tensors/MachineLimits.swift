internal import CKernels

/// What this machine can do at most, measured: other figures are told as distances from it.
public enum MachineLimits {
    /// Reads `byteCount` bytes of its own memory once, in order; what a table of that size costs at least.
    ///
    /// - Returns: a body to be timed.
    public static func reader(byteCount: Int) -> () -> Void {
        let words = Words(count: max(1, byteCount / 8))
        return { words.read() }
    }

    /// Multiplies and adds pairs of numbers that stay in the first-level cache, as training multiplies: of bfloat16 where
    /// the processor has that.
    ///
    /// - Returns: a body to be timed, and the operations it does.
    public static func multiplier() -> (body: () -> Void, operations: Int) {
        let tile = Tile()
        return ({ tile.multiply() }, 2 * Tile.height * Tile.width * Tile.depth)
    }

    /// Multiplies and adds `count` pairs of bytes that stand in registers.
    ///
    /// - Returns: a body to be timed, and the pairs it multiplies.
    public static func byteMultiplier() -> (body: () -> Void, products: Int) {
        let rounds = 1000
        let sum = ByteSum()
        return ({ sum.add(rounds) }, rounds * Int(KN_PEAK_PRODUCTS))
    }

    private final class ByteSum {
        private var sum: Int32 = 0

        func add(_ rounds: Int) { sum ^= kn_peak_u8i8(rounds) }
    }

    private final class Words {
        private let memory: ReservedMemory<UInt64>
        private var sum: UInt64 = 0

        init(count: Int) {
            memory = ReservedMemory(count: count)
            for index in 0..<count { unsafe memory.start[index] = UInt64(index) }
        }

        func read() { unsafe sum ^= kn_read_words(memory.start, memory.count) }
    }

    private final class Tile {
        static let height = 48
        static let width = 64
        static let depth = 64
        private let a = Matrix(rows: height, columns: depth)
        private let b = Matrix(rows: depth, columns: width)
        private var c = Matrix(rows: height, columns: width)

        func multiply() {
            multiplyNN(
                a, rows: 0..<Self.height, b, rows: Self.depth, into: &c, accumulating: true, precision: .rounded)
        }
    }
}
