internal import CKernels

/// Which variant of the kernels is in use. Chosen when the program starts; `FRESHET_ISA` names
/// another one that the processor has.
public enum InstructionSet: String, Sendable, CaseIterable {
    case plain
    case avx2
    case avxvnni
    case avx512vnni
    case neon
    /// As avx512vnni, and large products of training are of bfloat16.
    case avx512bf16

    public static var current: InstructionSet { InstructionSet(kn_isa_current()) }

    /// What this processor can run, slowest first.
    public static var available: [InstructionSet] {
        allCases.filter { kn_isa_available($0.kernelValue) }
    }

    /// For tests and benchmarks; not while another thread computes.
    ///
    /// - Returns: false, and nothing changed, where the processor cannot run it.
    @discardableResult
    public static func select(_ set: InstructionSet) -> Bool {
        kn_isa_select(set.kernelValue)
    }

    private var kernelValue: kn_isa {
        switch self {
        case .plain: KN_ISA_PLAIN
        case .avx2: KN_ISA_AVX2
        case .avxvnni: KN_ISA_AVXVNNI
        case .avx512vnni: KN_ISA_AVX512VNNI
        case .neon: KN_ISA_NEON
        case .avx512bf16: KN_ISA_AVX512BF16
        }
    }

    private init(_ value: kn_isa) {
        switch value {
        case KN_ISA_AVX512BF16: self = .avx512bf16
        case KN_ISA_AVX512VNNI: self = .avx512vnni
        case KN_ISA_AVXVNNI: self = .avxvnni
        case KN_ISA_NEON: self = .neon
        case KN_ISA_AVX2: self = .avx2
        default: self = .plain
        }
    }
}
