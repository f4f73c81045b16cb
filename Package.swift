// swift-tools-version: 6.2
import PackageDescription

// The order of the targets is the order of the house: a target imports only from the layers above
// it in this file. `Tests/HouseTests` reads every import against this rule.

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "freshet",
    products: [
        .executable(name: "freshet", targets: ["freshet"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", .upToNextMinor(from: "0.2.0")),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Layer 0: C libraries, kernels, the vocabulary.
        .systemLibrary(name: "CRdKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CSimdJSON", linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CAllocations"),
        .target(name: "CKernels"),
        .target(name: "CWorkers"),
        .target(name: "Events", dependencies: ["CSimdJSON"], swiftSettings: strict),

        // Layer 1: values that other layers exchange.
        .target(name: "Tensors", dependencies: ["CKernels", "CWorkers"], swiftSettings: strict),
        .target(name: "Checkpoints", dependencies: ["Events"], swiftSettings: strict),
        .target(
            name: "Telemetry",
            dependencies: ["Events", .product(name: "Histogram", package: "hdrhistogram-swift")],
            swiftSettings: strict),

        // Layers 2 and 3: the model, how it learns, how it serves.
        .target(name: "SequenceModels", dependencies: ["Tensors"], swiftSettings: strict),
        .target(name: "Learning", dependencies: ["Checkpoints", "SequenceModels", "Tensors"], swiftSettings: strict),
        .target(name: "Serving", dependencies: ["SequenceModels", "Tensors"], swiftSettings: strict),

        // Layer 4: the state machine, and the doors to disk, Kafka and files.
        .target(
            name: "Engine",
            dependencies: ["Events", "Checkpoints", "Tensors", "SequenceModels", "Learning", "Serving"],
            swiftSettings: strict),
        .target(
            name: "StateStore",
            dependencies: [
                "Events", "Checkpoints", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .target(name: "Streaming", dependencies: ["CRdKafka", "Events"], swiftSettings: strict),
        .target(
            name: "Settings", dependencies: ["Events", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        .target(name: "EventFiles", dependencies: ["CZlib", "Events"], swiftSettings: strict),

        // Layer 5: what is built around an engine.
        .target(
            name: "Delivery",
            dependencies: ["Events", "Checkpoints", "Telemetry", "Learning", "Engine", "StateStore", "Streaming"],
            swiftSettings: strict),
        .target(
            name: "HTTPService",
            dependencies: [
                "Events", "Telemetry", .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .target(
            name: "Simulation",
            dependencies: [
                "Events", "Checkpoints", "SequenceModels", "Learning", "Engine", "StateStore", "Streaming", "Delivery",
            ],
            swiftSettings: strict),
        .target(
            name: "Evaluation", dependencies: ["Events", "Checkpoints", "Engine", "Learning", "SequenceModels", "Serving", "Tensors"],
            swiftSettings: strict),

        .target(
            name: "ModelFiles", dependencies: ["Events", "Checkpoints", "Engine", "Learning"], swiftSettings: strict),

        // Layer 6: the supervised service.
        .target(
            name: "Daemon",
            dependencies: [
                "CSystemd", "Events", "Checkpoints", "Telemetry", "Tensors", "SequenceModels", "Learning", "Serving", "Engine", "StateStore",
                "Streaming", "Settings", "Delivery", "HTTPService",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),

        // Layer 7: the commands.
        .executableTarget(
            name: "freshet",
            dependencies: [
                "Events", "Checkpoints", "EventFiles", "Telemetry", "Tensors", "SequenceModels", "Learning", "Engine", "StateStore", "Streaming", "Settings", "Simulation", "Evaluation",
                "ModelFiles", "Daemon", "HTTPService", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),

        .executableTarget(
            name: "freshet-bench",
            dependencies: [
                "CAllocations", "Events", "Checkpoints", "Telemetry", "Tensors", "SequenceModels", "Learning", "Serving",
                "Engine", "StateStore", "Streaming", "Settings", "Delivery", "Simulation", "Daemon",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),

        // Tests mirror the sources.
        .testTarget(name: "CKernelsTests", dependencies: ["CKernels"]),
        .testTarget(name: "EventsTests", dependencies: ["Events"]),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
        .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints"]),
        .testTarget(name: "SequenceModelsTests", dependencies: ["SequenceModels", "Tensors"], exclude: ["Golden"]),
        .testTarget(name: "LearningTests", dependencies: ["Learning", "SequenceModels", "Tensors"]),
        .testTarget(name: "ServingTests", dependencies: ["Serving", "SequenceModels", "Tensors"]),
        .testTarget(
            name: "EngineTests",
            dependencies: ["CAllocations", "Engine", "Checkpoints", "Events", "Learning", "SequenceModels"]),
        .testTarget(
            name: "StateStoreTests",
            dependencies: ["StateStore", "Checkpoints", "Events", .product(name: "GRDB", package: "GRDB.swift")]),
        .testTarget(name: "SettingsTests", dependencies: ["Settings"]),
        .testTarget(name: "StreamingTests", dependencies: ["Streaming", "Events"]),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry"]),
        .testTarget(name: "EventFilesTests", dependencies: ["EventFiles", "Events"]),
        .testTarget(
            name: "HTTPServiceTests",
            dependencies: [
                "HTTPService", "Events", "Telemetry", .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "SimulationTests", dependencies: ["Simulation", "Checkpoints", "Delivery", "Engine", "Events", "StateStore", "Streaming"]),
        .testTarget(name: "EvaluationTests", dependencies: ["Evaluation", "Checkpoints", "Engine", "Events", "SequenceModels"]),
        .testTarget(
            name: "ModelFilesTests",
            dependencies: ["ModelFiles", "Checkpoints", "Engine", "Events", "SequenceModels"], exclude: ["Golden"]),
        .testTarget(name: "HouseTests"),
        .testTarget(name: "EndToEndTests", dependencies: ["Events", "Streaming"]),
        .testTarget(
            name: "DeliveryTests",
            dependencies: ["Delivery", "Checkpoints", "Engine", "Events", "StateStore", "Streaming", "Telemetry"]),
        .testTarget(name: "DaemonTests", dependencies: ["Daemon", "Engine", "Events", "HTTPService", "Settings", "StateStore", "Streaming", "Telemetry"]),
    ],
    cxxLanguageStandard: .cxx17
)

// libFuzzer brings a main of its own: built only where it is asked for, by `make fuzz`.
if Context.environment["FRESHET_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "freshet-fuzz", dependencies: ["Events", "Settings", "Checkpoints", "StateStore"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]))
}
