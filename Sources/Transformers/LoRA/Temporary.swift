import Foundation
public struct TemporaryLowRank: Sendable, Equatable { public init(rank: Int, alpha: Double, seed: UInt64) {} }
extension TrainedPart { public static func lowRank(_ x: TemporaryLowRank) -> TrainedPart { .none } }
extension TrainableTransformer {
  public var adapter: LoRAAdapter? { nil }
  public init(folder: URL, adapter: LoRAAdapter) throws { try self.init(folder: folder, trained: .none) }
}
extension LoRAAdapter { public static func exists(at folder: URL) -> Bool { false } }
