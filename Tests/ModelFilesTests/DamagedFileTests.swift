import Engine
import Events
import Foundation
import SequenceModels
import Testing

@testable import ModelFiles

/// Files that are no export of the model: one clear sentence each, and never a crash.
@Suite struct DamagedFileTests {
    static let headers: [(json: String, data: Int, reason: String)] = [
        ("", 0, "bytes short"),
        ("[]", 0, "not a JSON object"),
        ("{", 0, "JSON"),
        (#"{"a":3}"#, 0, "another kind"),
        (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "no data_offsets"),
        (#"{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}"#, 4, "F31"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#, 8, "8 bytes where its shape and type ask for 4"),
        (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "impossible shape"),
        (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, 4, "impossible shape"),
        (#"{"a":{"dtype":"F32","shape":[1e99],"data_offsets":[0,4]}}"#, 4, "JSON"),
        (#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, 4, "JSON"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#, 4, "outside of the file"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "outside of the file"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, 8, "outside of the file"),
        (#"{"a":{"dtype":"F32","shape":[9999],"data_offsets":[0,39996]}}"#, 4, "outside of the file"),
        (#"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, 4, "dimensions"),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#, 6,
            "b overlaps"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4,
            "overlaps"
        ),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "leaves bytes between"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 9, "take 4 bytes, and 9 are there"),
        (#"{"__metadata__":{"format":1}}"#, 0, "another kind"),
        (String(repeating: "[", count: 100_000), 0, "not a JSON object"),
        (#"{"a":"# + String(repeating: "[", count: 100_000), 0, "JSON"),
    ]

    @Test(arguments: headers.indices) func aHeaderThatCannotBeIsRefused(place: Int) throws {
        let fixture = try ModelFixture()
        let (json, data, reason) = Self.headers[place]
        let path = try fixture.file(json, data: data)
        do throws(ModelFileError) {
            _ = try ModelImport(path: path)
            Issue.record("it was taken")
        } catch {
            #expect("\(error)".contains(reason), "\(error)")
            #expect("\(error)".contains("nothing was changed"))
        }
    }

    @Test func aLengthBeyondTheFileIsRefused() throws {
        let fixture = try ModelFixture()
        let path = fixture.path("long")
        try Data([UInt8](repeating: 0xFF, count: 8) + Array("{}".utf8)).write(to: URL(fileURLWithPath: path))
        #expect {
            try ModelImport(path: path)
        } throws: { "\($0)".contains("header would be 18446744073709551615 bytes long") }
        #expect(throws: ModelFileError.unreadable(path: fixture.path("nothing"))) {
            try ModelImport(path: fixture.path("nothing"))
        }
    }

    /// An export as bytes.
    private func exported(_ fixture: ModelFixture) throws -> [UInt8] {
        let engine = try ModelFixture.engine(ModelFixture.configuration(.gru), events: 120)
        try ModelExport.write(engine, to: fixture.path("whole"))
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture.path("whole"))))
    }

    private func importing(_ bytes: [UInt8], _ fixture: ModelFixture, itemsMax: Int = 100) throws -> ModelFileError? {
        try Data(bytes).write(to: URL(fileURLWithPath: fixture.path("changed")))
        var engine = try Engine(ModelFixture.configuration(.gru, itemsMax: itemsMax))
        do throws(ModelFileError) {
            _ = try ModelImport(path: fixture.path("changed")).replace(weightsOf: &engine)
            return nil
        } catch {
            return error
        }
    }

    @Test func noTruncationIsTaken() throws {
        let fixture = try ModelFixture()
        let bytes = try exported(fixture)
        for count in Array(0..<40) + Array(stride(from: 40, to: bytes.count, by: 97)) + [bytes.count - 1] {
            guard case .damaged? = try importing(Array(bytes.prefix(count)), fixture) else {
                Issue.record("\(count) bytes of \(bytes.count) were taken")
                continue
            }
        }
    }

    /// Bytes of the header are changed, put in and taken out: it is refused, or it is still sound.
    @Test(arguments: [UInt64(1), 2, 3]) func aMutatedHeaderIsSoundOrRefused(seed: UInt64) throws {
        let fixture = try ModelFixture()
        let file = try exported(fixture)
        let length = file[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let (json, dataBytes) = (Array(file[8..<8 + length]), file.count - 8 - length)
        #expect(throws: Never.self) { try TensorHeader(json: json, dataBytes: dataBytes) }
        var generator = SeededGenerator(seed: seed)
        let letters = Array(#"0123456789{}[]",:-eFIU\ "#.utf8)
        var accepted = 0
        for _ in 0..<2000 {
            var mutated = json
            for _ in 0...generator.next(below: 4) {
                let place = generator.next(below: mutated.count)
                let letter = generator.next(below: 3) == 0 ? UInt8(generator.next(below: 256)) : letters[generator.next(below: letters.count)]
                switch generator.next(below: 3) {
                case 0: mutated[place] = letter
                case 1: mutated.insert(letter, at: place)
                default: mutated.remove(at: place)
                }
            }
            guard let header = try? TensorHeader(json: mutated, dataBytes: dataBytes) else { continue }
            accepted += 1
            var covered = 0
            for entry in header.tensors.values {
                #expect(entry.bytes.lowerBound >= 0 && entry.bytes.upperBound <= dataBytes)
                #expect(entry.shape.reduce(entry.type.size, *) == entry.bytes.count)
                covered += entry.bytes.count
            }
            #expect(covered == dataBytes, "every byte belongs to one tensor")
        }
        // Letters of names may change and leave a sound header; digits of offsets may not.
        #expect(accepted > 0 && accepted < 1500, "\(accepted)")
    }

    @Test(arguments: [UInt64(4), 5]) func aMutatedFileIsTakenWholeOrRefused(seed: UInt64) throws {
        let fixture = try ModelFixture()
        let bytes = try exported(fixture)
        var generator = SeededGenerator(seed: seed)
        var refused = 0
        for _ in 0..<60 {
            var mutated = bytes
            for _ in 0...generator.next(below: 3) {
                mutated[generator.next(below: mutated.count / 4)] ^= UInt8(1 << generator.next(below: 8))
            }
            if try importing(mutated, fixture) != nil { refused += 1 }
        }
        #expect(refused > 10)
    }

    /// The file's tensors, changed by `change` and written anew.
    private func rewritten(
        _ fixture: ModelFixture, _ change: (inout [String: (type: TensorType, shape: [Int], bytes: [UInt8])]) -> Void
    ) throws -> [UInt8] {
        _ = try exported(fixture)
        let reader = try TensorFileReader(path: fixture.path("whole"))
        var tensors: [String: (type: TensorType, shape: [Int], bytes: [UInt8])] = [:]
        for (name, entry) in reader.header.tensors {
            tensors[name] = (entry.type, entry.shape, try reader.read(entry, bytes: 0..<entry.bytes.count))
        }
        change(&tensors)
        var (header, data): (TensorHeader, [UInt8]) = (TensorHeader(), [])
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            let bytes = data.count..<data.count + tensor.bytes.count
            header.tensors[name] = TensorEntry(type: tensor.type, shape: tensor.shape, bytes: bytes)
            data += tensor.bytes
        }
        return try header.bytes() + data
    }

    @Test func whatIsWholeButOfAnotherModelIsRefused() throws {
        let fixture = try ModelFixture()
        typealias Tensors = [String: (type: TensorType, shape: [Int], bytes: [UInt8])]
        let notANumber = [UInt8](repeating: 0xFF, count: 4)
        let changes: [(reason: String, change: (inout Tensors) -> Void)] = [
            ("gru.bias_hh is missing", { $0["gru.bias_hh"] = nil }),
            ("the model has no extra", { $0["extra"] = (.float32, [1], [0, 0, 0, 0]) }),
            ("gru.bias_hh is of I32, not F32", { $0["gru.bias_hh"]?.type = .int32 }),
            ("gru.weight_hh has the shape [16, 48], not [48, 16]", { $0["gru.weight_hh"]?.shape = [16, 48] }),
            ("gru.item_embedding has the shape [96, 2], not [12, 16]", { $0["gru.item_embedding"]?.shape = [96, 2] }),
            ("gru.bias_ih has a number that is not finite", { $0["gru.bias_ih"]?.bytes.replaceSubrange(8..<12, with: notANumber) }),
            ("item i5 has a number that is not finite", { $0["gru.item_bias"]?.bytes.replaceSubrange(20..<24, with: notANumber) }),
            ("no items.ids", { $0["items.ids"] = nil }),
            ("not 1 to 256 bytes of UTF-8", { $0["items.ids"]?.bytes[1] = 0xFF }),
            ("names item i0 twice", { $0["items.ids"]?.bytes[3] = UInt8(ascii: "0") }),
            ("does not rise", { $0["items.id_ends"]?.bytes[0] = 200 }),
            ("does not rise", { $0["items.id_ends"]?.bytes[15] = 0x80 }),
        ]
        for (reason, change) in changes {
            let error = try importing(try rewritten(fixture, change), fixture)
            guard case .doesNotFit(_, let found)? = error else {
                Issue.record("\(reason): \(String(describing: error))")
                continue
            }
            #expect(found.contains(reason), "\(found)")
        }
        #expect(try importing(try rewritten(fixture) { _ in }, fixture) == nil, "a file that Python saved, without metadata")
        let full = try importing(try exported(fixture), fixture, itemsMax: 7)
        #expect(full.map { "\($0)".contains("set model.max_items to more than 7") } == true)
    }

    @Test(arguments: [(nil, 0.1), (0.1, nil)] as [(Float?, Float?)])
    func whatWasLearnedWithAnotherTemperatureIsRefused(first: Float?, second: Float?) throws {
        let fixture = try ModelFixture()
        var configuration = ModelFixture.configuration(.gru)
        configuration.learner.temperature = first
        try ModelExport.write(try ModelFixture.engine(configuration, events: 60), to: fixture.path("weights"))
        var same = try Engine(configuration)
        _ = try ModelImport(path: fixture.path("weights")).replace(weightsOf: &same)
        configuration.learner.temperature = second
        var other = try Engine(configuration)
        let file = try ModelImport(path: fixture.path("weights"))
        let error = #expect(throws: ModelFileError.self) { _ = try file.replace(weightsOf: &other) }
        #expect(error.map { "\($0)" }?.contains("learning.temperature") == true)
    }

    @Test func anotherEncoderIsRefusedByName() throws {
        let fixture = try ModelFixture()
        _ = try exported(fixture)
        var engine = try Engine(ModelFixture.configuration(.attention))
        let file = try ModelImport(path: fixture.path("whole"))
        #expect { try file.replace(weightsOf: &engine) } throws: { "\($0)".contains("it is of gru, 16 wide, and the state of attention") }
    }
}
