// swift-tools-version: 6.1
import PackageDescription

// Pointers live in LinearAlgebra and the C target only. A manifest of tools version 6.1 cannot say
// `.strictMemorySafety()`, and unsafe flags would bar the package from being depended on by version, so the test script
// alone turns the check on, as an error.
let checkMemorySafety = Context.environment["BAYESIANROUTER_STRICT_MEMORY"] == "1"
let pointerFree: [SwiftSetting] =
  checkMemorySafety ? [.unsafeFlags(["-strict-memory-safety", "-Werror", "StrictMemorySafety"])] : []

/// A target above LinearAlgebra: no pointer may appear in it.
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
    .executable(name: "bayesrouter", targets: ["bayesrouter"]),
    .executable(name: "router-bench", targets: ["router-bench"]),
  ],
  dependencies: [
    // Command lines with --help, validation and completion scripts.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
    .target(name: "CKernels"),
    .target(name: "LinearAlgebra", dependencies: ["COpenBLAS", "CKernels"]),
    .target(name: "Storage"),
    module("PreferenceData", ["Storage"]),
    module("Tokenization", ["Storage"]),
    module("RewardModels", ["PreferenceData"]),
    module("Routing", ["LinearAlgebra", "PreferenceData", "Storage"]),
    module("Alignment", ["LinearAlgebra", "PreferenceData", "Reporting", "RewardModels", "Routing"]),
    module("Reporting", ["LinearAlgebra", "Storage"]),
    module(
      "RouterKit",
      [
        "LinearAlgebra", "Storage", "PreferenceData", "RewardModels", "Routing", "Alignment", "Reporting",
        "Tokenization",
      ]),
    .executableTarget(
      name: "bayesrouter",
      dependencies: ["RouterKit", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: pointerFree),
    .executableTarget(
      name: "router-bench",
      dependencies: ["RouterKit", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Benchmarks/RouterBench", swiftSettings: pointerFree),

    tests("LinearAlgebraTests", ["LinearAlgebra"], resources: [.copy("Fixtures")]),
    tests("StorageTests", ["Storage"]),
    tests("PreferenceDataTests", ["PreferenceData", "LinearAlgebra", "Storage"]),
    tests("RewardModelsTests", ["RewardModels", "PreferenceData", "LinearAlgebra"]),
    tests("RoutingTests", ["Routing", "LinearAlgebra", "PreferenceData", "Storage"], resources: [.copy("Fixtures")]),
    tests("AlignmentTests", ["Alignment", "LinearAlgebra", "PreferenceData", "RewardModels", "Routing"]),
    tests("ReportingTests", ["Reporting", "LinearAlgebra"]),
    tests(
      "TokenizationTests", ["Tokenization", "Storage", "PreferenceData"], resources: [.copy("Fixtures")]),
    tests("CommandLineTests", ["bayesrouter", "router-bench", "PreferenceData", "Storage"]),
  ],
  swiftLanguageModes: [.v6]
)
