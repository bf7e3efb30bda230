import LinearAlgebra
import Randomness
import Routing
import Storage
import Testing

@Suite struct SavedContextTransformTests {
  let contexts: Matrix<Double>

  init() {
    var generator = PhiloxGenerator(seed: 2, stream: "contexts")
    contexts = Matrix(rows: 30, columns: 7, elements: generator.normals(210))
  }

  private func fitted() throws -> FittedContextTransform {
    try ContextTransform(components: 3, renormalizes: true, interceptVarianceScale: 0.1).fit(contexts)
  }

  @Test(arguments: [
    ContextTransform(components: 7), ContextTransform(components: 1, whitens: false, interceptVarianceScale: nil),
    ContextTransform(components: 5, renormalizes: true, interceptVarianceScale: 1 / 3),
    ContextTransform(components: nil, interceptVarianceScale: 1e-300),
  ])
  func whatIsReadBackIsEqual(transform: ContextTransform) throws {
    let fitted = try transform.fit(contexts)
    let saved = try fitted.saved()
    let bytes = Safetensors.encode(saved.tensors, metadata: saved.metadata)
    let loaded = try FittedContextTransform(Safetensors.decode(bytes, name: "t"), path: "t")
    #expect(loaded == fitted)
    #expect(try loaded.apply(contexts) == fitted.apply(contexts))
  }

  @Test func otherShapesMissingTensorsAndNaNAreErrorsThatNameTheFile() throws {
    let saved = try fitted().saved()
    var damaged: [Safetensors] = []
    for (name, tensor) in [
      ("mean", Safetensors.Tensor([Double](repeating: 0, count: 8))),
      ("mean", Safetensors.Tensor([Double](repeating: .nan, count: 7))),
      ("mean", Safetensors.Tensor([Float](repeating: 0, count: 7))),
      ("axes", Safetensors.Tensor([Double](repeating: 0, count: 21), shape: [7, 3])), ("axes", nil),
    ] {
      var copy = saved
      copy.tensors[name] = tensor
      damaged.append(copy)
    }
    for state in damaged {
      #expect(throws: (any Error).self) { try FittedContextTransform(state, path: "run/context.safetensors") }
    }
  }

  @Test(arguments: [
    ("\"components\":3", "\"components\":-3"), ("\"components\":3", "\"components\":4"),
    ("\"interceptVarianceScale\":0.1", "\"interceptVarianceScale\":0"),
    ("\"inputDimension\":7", "\"inputDimension\":6"),
    ("\"formatVersion\":1", "\"formatVersion\":2"), ("{", "["),
  ])
  func damagedMetadataIsAnErrorThatNamesTheFile(part: String, replacement: String) throws {
    var saved = try fitted().saved()
    let text = try #require(saved.metadata["context_transform"])
    try #require(text.contains(part))
    saved.metadata["context_transform"] = text.replacing(part, with: replacement)
    let error = #expect(throws: RoutingError.self) {
      try FittedContextTransform(saved, path: "run/context.safetensors")
    }
    #expect(String(describing: error).contains("run/context.safetensors"))
  }
}
