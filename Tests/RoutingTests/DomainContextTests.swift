import LinearAlgebra
import PreferenceData
import Routing
import Testing

@Suite struct DomainContextTests {
  private func pair(_ domain: String?) -> PreferencePair {
    PreferencePair(id: "1", domain: domain, prompt: .text("p"), responseA: "a", responseB: "b", label: nil)
  }

  @Test func aContextIsAnInterceptAndTheDomain() async throws {
    let contexts = DomainContexts(of: [pair("math"), pair(nil), pair("code"), pair("math")])
    #expect(contexts.domains == ["code", "math"])
    let encoder = ContextEncoder(contexts)
    #expect(encoder.dimension == 3 && encoder.name == "none")
    // A domain that was not foreseen has the intercept alone.
    #expect(
      try await encoder.encode([pair("math"), pair("code"), pair("law"), pair(nil)])
        == Matrix(rows: [[1, 0, 1], [1, 1, 0], [1, 0, 0], [1, 0, 0]]))
    #expect(encoder.prior(variance: 0.5) == GaussianPrior(dimension: 3, variance: 0.5))
  }

  @Test func withoutDomainsTheInterceptIsLeft() async throws {
    let encoder = ContextEncoder(DomainContexts(of: [pair(nil)]))
    #expect(encoder.dimension == 1)
    #expect(try await encoder.encode([pair("math"), pair(nil)]).elements == [1, 1])
  }

  @Test func domainsComeFromNoText() throws {
    #expect(throws: RoutingError.contextSize(found: 16, expected: 0)) {
      try ContextEncoder(HashedPairEncoder(dimension: 16), head: .domains(DomainContexts(domains: ["math"])))
    }
  }
}
