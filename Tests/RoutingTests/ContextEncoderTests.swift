import LinearAlgebra
import PreferenceData
import Routing
import Testing

@Suite struct ContextEncoderTests {
  private let pairs = (0..<12).map {
    PreferencePair(
      id: "\($0)", prompt: .text("question \($0)"), responseA: "yes \($0 * $0)", responseB: "no", label: .a)
  }
  private let hashed = HashedPairEncoder(dimension: 16)

  @Test func eachHeadMakesItsOwnContexts() async throws {
    let rows = hashed.encode(pairs)
    #expect(try await ContextEncoder(hashed).encode(pairs) == rows)

    let fitted = try ContextTransform(components: 3).fit(rows)
    let transformed = try ContextEncoder(hashed, head: .transform(fitted))
    #expect(try await transformed.encode(pairs) == fitted.apply(rows))
    #expect(transformed.dimension == 4 && transformed.name == "hashed-16")
    #expect(transformed.prior(variance: 0.5) == fitted.prior(variance: 0.5))

    let router = OfflineRouter.random(
      featureCount: 16, dimension: 5, rewardModels: ["a", "b"], encoder: hashed.name, seed: 1)
    let trained = try ContextEncoder(hashed, head: .trained(router))
    #expect(
      try await trained.encode(pairs)
        == router.contexts(Matrix(rows: 12, columns: 16, elements: rows.elements.map { Float($0) })))
    #expect(trained.name == "hashed-16 behind router \(router.fingerprint)")
    #expect(trained.prior(variance: 0.5) == GaussianPrior(dimension: 5, variance: 0.5))
  }

  @Test func aFittedEncoderKnowsThePairsThatItWasFittedTo() async throws {
    let (encoder, contexts) = try await ContextEncoder.fitting(
      ContextTransform(components: 3), to: pairs, encoder: hashed)
    #expect(try await encoder.encode(pairs) == contexts)
    // Without any context the intercept is left.
    let (empty, ones) = try await ContextEncoder.fitting(
      ContextTransform(components: nil), to: pairs, encoder: EmptyPairEncoder())
    #expect(empty.dimension == 1 && ones.elements == [Double](repeating: 1, count: 12))
  }

  @Test func aHeadOfAnotherSizeIsRefused() throws {
    let fitted = try ContextTransform(components: 3).fit(HashedPairEncoder(dimension: 8).encode(pairs))
    #expect(throws: RoutingError.contextSize(found: 16, expected: 8)) {
      try ContextEncoder(hashed, head: .transform(fitted))
    }
  }

  @Test func hashedEncodersAreFoundByTheirNames() {
    #expect(HashedPairEncoder(name: "hashed-16") == hashed && HashedPairEncoder(name: hashed.name) == hashed)
    for name in ["hashed-", "hashed-0", "hashed--1", "hashed", "LlamaModel"] {
      #expect(HashedPairEncoder(name: name) == nil)
    }
  }
}
