import Testing

@testable import Checkpoints

@Suite struct ChecksumTests {
    private func sum(_ parts: [[UInt8]]) -> UInt64 {
        var checksum = Checksum(table: 1)
        for part in parts { checksum.add(part) }
        return checksum.value
    }

    @Test func everyBitAndEveryLengthCounts() {
        let bytes = (0..<67).map { UInt8($0) }
        var sums: Set<UInt64> = [sum([bytes])]
        for place in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[place] ^= 1 << UInt8(bit)
                sums.insert(sum([changed]))
            }
        }
        for length in 0..<67 { sums.insert(sum([Array(bytes[..<length])])) }
        // Zeros at the end, and where one part ends and the next begins.
        for length in 68..<80 { sums.insert(sum([bytes + [UInt8](repeating: 0, count: length - 67)])) }
        for cut in 0...67 { sums.insert(sum([Array(bytes[..<cut]), Array(bytes[cut...])])) }
        #expect(sums.count == 1 + 67 * 8 + 67 + 12 + 68)
    }

    @Test func itIsTheSameOnEveryMachineAndInEveryVersion() {
        // Stored in state files: a change of these is a change of format.
        var checksum = Checksum(table: 3)
        checksum.add("freshet")
        checksum.add(UInt64(42))
        #expect(checksum.value == Self.expected)
    }

    static let expected: UInt64 = 0xDF4162AF9F505A8F
}
