// swift-tools-version: 6.1
import PackageDescription

// Pointers live in LinearAlgebra, in Storage (mapped files and the bytes of tensors) and in the C targets. A manifest of tools version
// 6.1 cannot say `.strictMemorySafety()`, and unsafe flags would bar the package from being depended on by version, so the test script
// alone turns the check on, as an error.
let checkMemorySafety = Context.environment["BAYESIANROUTER_STRICT_MEMORY"] == "1"
let pointerFree: [SwiftSetting] =
  checkMemorySafety ? [.unsafeFlags(["-strict-memory-safety", "-Werror", "StrictMemorySafety"])] : []

/// A target in which no pointer may appear.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: pointerFree)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, resources: resources)
}

let package = Package(
  name: "BayesianRouter",
  platforms: [.macOS(.v14)],
  products: [
    .library(name: "RouterKit", type: .dynamic, targets: ["RouterKit"]),
    .library(name: "RewardModelPools", targets: ["RemoteRewardModels", "RewardModelPools"]),
    .executable(name: "bayesrouter", targets: ["bayesrouter"]),
    .executable(name: "router-bench", targets: ["router-bench"]),
  ],
  dependencies: [
    // Command lines with --help, validation and completion scripts.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    // Requests to reward-model servers: connection pools, TLS, cancellation.
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.24.0"),
    // Pool files are YAML.
    .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    // The servers of the tests, which fail as real ones do; async-http-client brings it anyway.
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .target(name: "CKernels"),
    .target(name: "LinearAlgebra", dependencies: ["COpenBLAS", "CKernels"]),
    .target(name: "Storage", dependencies: ["CZlib"]),
    module("Randomness", []),
    module("NeuralNetwork", ["LinearAlgebra", "Randomness"]),
    module("Transformers", ["LinearAlgebra", "NeuralNetwork", "Randomness", "Storage"]),
    module("PreferenceData", ["Storage"]),
    module("Tokenization", ["Storage"]),
    module("Dialogues", ["LinearAlgebra", "PreferenceData", "Storage", "Tokenization", "Transformers"]),
    module(
      "RewardModels", ["Dialogues", "LinearAlgebra", "PreferenceData", "Storage", "Tokenization", "Transformers"]),
    // Apart from RewardModels, so that the numerical library builds without a network stack.
    module(
      "RemoteRewardModels",
      [
        "Dialogues", "PreferenceData", "Randomness", "RewardModels", "Storage",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
      ]),
    module(
      "RewardModelPools",
      [
        "Dialogues", "LinearAlgebra", "PreferenceData", "RemoteRewardModels", "RewardModels", "Storage",
        "Transformers", .product(name: "Yams", package: "Yams"),
      ]),
    module(
      "Routing",
      [
        "Dialogues", "LinearAlgebra", "NeuralNetwork", "PreferenceData", "Randomness", "Storage", "Tokenization",
        "Transformers",
      ]),
    module("Alignment", ["LinearAlgebra", "PreferenceData", "Randomness", "RewardModels", "Routing"]),
    module("Reporting", ["Storage"]),
    module(
      "Studies",
      [
        "Alignment", "Dialogues", "LinearAlgebra", "NeuralNetwork", "PreferenceData", "Randomness", "Reporting",
        "RewardModels", "Routing", "Storage", "Tokenization", "Transformers",
      ]),
    module(
      "RouterKit",
      [
        "LinearAlgebra", "NeuralNetwork", "Randomness", "Storage", "Tokenization", "Transformers", "PreferenceData",
        "Dialogues", "RewardModels", "Routing", "Alignment", "Reporting", "Studies",
      ]),
    module("CommandSupport", ["RouterKit", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .executableTarget(
      name: "bayesrouter",
      dependencies: [
        "CommandSupport", "RouterKit", "RewardModelPools",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: pointerFree),
    .executableTarget(
      name: "router-bench",
      dependencies: [
        "CommandSupport", "RouterKit", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Benchmarks/RouterBench", swiftSettings: pointerFree),

    // What several test targets share.
    .target(name: "TestSupport", path: "Tests/TestSupport"),
    tests("RandomnessTests", ["Randomness"], resources: [.copy("Fixtures")]),
    tests("LinearAlgebraTests", ["LinearAlgebra", "Randomness", "TestSupport"], resources: [.copy("Fixtures")]),
    tests("StorageTests", ["Storage", "TestSupport"], resources: [.copy("Fixtures")]),
    tests(
      "NeuralNetworkTests", ["NeuralNetwork", "LinearAlgebra", "Randomness", "TestSupport"],
      resources: [.copy("Fixtures")]),
    tests(
      "TransformersTests", ["Transformers", "NeuralNetwork", "LinearAlgebra", "Randomness", "Storage", "TestSupport"],
      resources: [.copy("Fixtures")]
    ),
    tests("PreferenceDataTests", ["PreferenceData", "Randomness", "Storage"]),
    tests(
      "DialoguesTests",
      ["Dialogues", "LinearAlgebra", "PreferenceData", "Storage", "TestSupport", "Tokenization", "Transformers"],
      resources: [.copy("Fixtures")]),
    tests(
      "RewardModelsTests",
      [
        "RewardModels", "Dialogues", "PreferenceData", "LinearAlgebra", "Randomness", "Storage", "Tokenization",
        "Transformers", "TestSupport",
      ],
      resources: [.copy("Fixtures")]),
    tests(
      "RemoteRewardModelsTests",
      [
        "Alignment", "Dialogues", "LinearAlgebra", "PreferenceData", "Randomness", "RemoteRewardModels",
        "RewardModelPools", "RewardModels", "Routing", "Storage", "Transformers",
        "TestSupport", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ], resources: [.copy("Fixtures")]),
    tests(
      "RewardModelPoolsTests",
      ["RewardModelPools", "RewardModels", "Dialogues", "PreferenceData", "Storage", "LinearAlgebra", "Transformers"]),
    tests(
      "RoutingTests",
      [
        "Routing", "Dialogues", "LinearAlgebra", "NeuralNetwork", "PreferenceData", "Randomness", "Storage",
        "TestSupport", "Transformers",
      ],
      resources: [.copy("Fixtures")]),
    tests(
      "AlignmentTests",
      [
        "Alignment", "Dialogues", "LinearAlgebra", "PreferenceData", "Randomness", "RewardModels", "Routing",
        "TestSupport",
      ]),
    tests("ReportingTests", ["Reporting", "Randomness"]),
    tests(
      "StudiesTests",
      [
        "Studies", "Alignment", "Dialogues", "LinearAlgebra", "PreferenceData", "Randomness", "Reporting",
        "RewardModels", "Routing", "Storage",
      ]),
    tests(
      "TokenizationTests", ["Tokenization", "PreferenceData", "Storage", "TestSupport"],
      resources: [.copy("Fixtures")]),
    tests("CommandLineTests", ["bayesrouter", "router-bench", "PreferenceData", "Storage"]),
  ],
  swiftLanguageModes: [.v6]
)
