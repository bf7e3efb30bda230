import Foundation
import LinearAlgebra
import Storage

/// How the hidden states of a text become one vector.
public struct Pooling: Sendable, Equatable {
  public enum Kind: String, Sendable, CaseIterable {
    case lastToken = "lasttoken"
    case classToken = "cls"
    case mean
    case max
    /// The sum divided by the square root of the number of tokens.
    case meanSquareRootLength = "mean_sqrt_len_tokens"

    /// Whether one row of the text decides.
    public var isOneRow: Bool { self == .lastToken || self == .classToken }
  }

  public var kind: Kind
  /// Whether the vector is scaled to norm 1.
  public var normalizes: Bool

  public init(_ kind: Kind, normalizes: Bool = false) {
    self.kind = kind
    self.normalizes = normalizes
  }

  /// Reads `modules.json` and the pooling's `config.json` of a sentence-transformers folder; without them, the last
  /// token for a causal model and the class token for another.
  ///
  /// - Throws: `TransformersError.setting` for modules and poolings that are not built.
  public init(folder: URL, isCausal: Bool) throws {
    let modules = folder.appendingPathComponent("modules.json")
    self.init(isCausal ? .lastToken : .classToken)
    guard FileManager.default.fileExists(atPath: modules.path) else { return }
    guard case .array(let values) = try JSONDocument.read(modules) else {
      throw TransformersError.setting(file: modules.path, key: "", found: "no list", expected: "a list of modules")
    }
    for (index, value) in values.enumerated() {
      let module = try JSONRecord(value, at: FilePlace(file: modules.path, item: "[\(index)]"))
      let type = try module.string("type").split(separator: ".").last ?? ""
      switch (type, index) {
      case ("Transformer", 0): break
      case ("Pooling", 1):
        kind = try Self.kind(
          folder.appendingPathComponent(try module.string("path")).appendingPathComponent("config.json"))
      case ("Normalize", 2...): normalizes = true
      default:
        throw TransformersError.setting(
          file: modules.path, key: "[\(index)].type", found: "\"\(type)\"",
          expected: "Transformer, then Pooling, then perhaps Normalize")
      }
    }
  }

  private static func kind(_ url: URL) throws -> Kind {
    let record = try JSONRecord(contentsOf: url)
    // The flags of all releases, and the one name that recent ones write instead.
    let flags: [(String, Kind)] = [
      ("pooling_mode_lasttoken", .lastToken), ("pooling_mode_cls_token", .classToken),
      ("pooling_mode_mean_tokens", .mean), ("pooling_mode_max_tokens", .max),
      ("pooling_mode_mean_sqrt_len_tokens", .meanSquareRootLength),
      ("pooling_mode_weightedmean_tokens", .mean),
    ]
    let set = flags.filter { record.optional($0.0) == .boolean(true) }
    if let name = try record.optionalString("pooling_mode"), let kind = Kind(rawValue: name), set.isEmpty {
      return kind
    }
    guard set.count == 1, set[0].0 != "pooling_mode_weightedmean_tokens" else {
      throw TransformersError.setting(
        file: url.path, key: "pooling_mode", found: set.isEmpty ? "none" : set.map(\.0).joined(separator: " and "),
        expected: "one of " + Kind.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return set[0].1
  }

  /// The rows of the batch that the vector of a segment's text is made of.
  func rows(of segment: Int, in batch: TokenBatch) -> [Int] {
    let own = batch.segments[segment]
    let prefix = own.prefix.map { batch.segments[$0].rows }
    switch kind {
    case .lastToken: return [own.rows.upperBound - 1]
    case .classToken: return [prefix?.lowerBound ?? own.rows.lowerBound]
    case .mean, .max, .meanSquareRootLength: return Array(prefix ?? 0..<0) + Array(own.rows)
    }
  }

  /// The vector of hidden states, tokens x size.
  public func pool(_ states: Matrix<Float>) -> [Float] {
    var vector: [Float]
    switch kind {
    case .lastToken, .classToken: vector = states.elements
    case .max:
      vector = Array(states.row(0))
      for i in 1..<Swift.max(states.rows, 1) {
        for (j, value) in states.row(i).enumerated() { vector[j] = Swift.max(vector[j], value) }
      }
    case .mean, .meanSquareRootLength:
      var sums = [Double](repeating: 0, count: states.columns)
      for i in 0..<states.rows {
        for (j, value) in states.row(i).enumerated() { sums[j] += Double(value) }
      }
      let count = Double(states.rows)
      let divisor = kind == .mean ? count : count.squareRoot()
      vector = sums.map { Float($0 / divisor) }
    }
    if normalizes {
      let norm = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      if norm > 0 { vector = vector.map { Float(Double($0) / norm) } }
    }
    return vector
  }

  /// The gradient by the hidden states (tokens x size) from that by their vector. Where several tokens share a largest
  /// value, the first takes the gradient.
  public func poolGradient(_ states: Matrix<Float>, _ gradient: [Float]) -> Matrix<Float> {
    var raw = gradient
    if normalizes {
      var plain = self
      plain.normalizes = false
      let vector = plain.pool(states).map(Double.init)
      let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if norm > 0 {
        // y = v / |v|: dv = (dy - y (y . dy)) / |v|.
        let along = zip(vector, gradient).reduce(0) { $0 + $1.0 * Double($1.1) } / (norm * norm)
        raw = zip(vector, gradient).map { Float((Double($1) - $0 * along) / norm) }
      }
    }
    var result = Matrix<Float>(rows: states.rows, columns: states.columns)
    switch kind {
    case .lastToken, .classToken: result.elements = raw
    case .max:
      for j in 0..<states.columns {
        var best = 0
        for i in 1..<Swift.max(states.rows, 1) where states[i, j] > states[best, j] { best = i }
        result[best, j] = raw[j]
      }
    case .mean, .meanSquareRootLength:
      let count = Float(states.rows)
      let divisor = kind == .mean ? count : count.squareRoot()
      for i in 0..<states.rows {
        for j in 0..<states.columns { result[i, j] = raw[j] / divisor }
      }
    }
    return result
  }
}
