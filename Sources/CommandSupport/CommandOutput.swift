import Foundation
import RouterKit

/// Prints a value as one indented JSON object, its keys in snake case.
public func printJSON(_ value: some Encodable, keys: JSONText.Keys = .snakeCase) throws {
  print(String(decoding: try JSONText.document(value, keys: keys), as: UTF8.self))
}

/// Writes lines to standard error: standard output is the result's alone.
public func tell(_ text: String) {
  FileHandle.standardError.write(Data((text + "\n").utf8))
}

/// Tells what to know before believing the figures.
public func warn(_ text: String) {
  tell("warning: \(text)")
}
