import Foundation

/// Reading of files of data, which may be compressed with gzip.
public enum DataFile {
  /// The ending of a compressed file's name.
  public static let compressedEnding = ".gz"

  /// All bytes of the file, unpacked where it is compressed: where its name ends in `.gz`, or it begins as a gzip file
  /// does.
  ///
  /// - Throws: `StorageError.system`; `StorageError.invalidGzip` for a file that is named as a compressed one and is none, is damaged or
  ///   stops too early, or unpacks to more than 4 GiB.
  public static func read(_ url: URL) throws -> [UInt8] {
    let bytes = try AtomicFile.read(url)
    guard url.path.hasSuffix(compressedEnding) || Gunzip.isCompressed(bytes) else { return bytes }
    return try Gunzip.unpack(bytes, file: url.path)
  }

  /// The file of this URL, or the one beside it whose name has `.gz` added: that of the two which exists, the plain one
  /// where neither does.
  ///
  /// - Throws: `StorageError.ambiguousFile` where both exist, because nothing says which of them is meant.
  public static func plainOrCompressed(_ url: URL) throws(StorageError) -> URL {
    let compressed = URL(fileURLWithPath: url.path + compressedEnding)
    guard FileSystem.kind(compressed.path).exists else { return url }
    guard !FileSystem.kind(url.path).exists else {
      throw .ambiguousFile(path: url.path, other: compressed.path)
    }
    return compressed
  }
}
