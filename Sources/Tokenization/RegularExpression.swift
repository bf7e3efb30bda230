import Foundation

/// Any other expression of a Split or Replace, by Foundation's NSRegularExpression (ICU).
///
/// The package asks Oniguruma in its Ruby syntax. The two agree on what tokenizers use: classes, properties, groups,
/// lookaround, greedy, lazy and possessive repetition. Brought in line: `^` and `$` stand at line feeds, `.` stops at
/// them only, `\s` is the property White_Space, `\h` a hexadecimal digit. Left apart: Oniguruma's POSIX brackets' rare
/// members, absent operators and subexpression calls (an error here), and scalars that one of the two versions of
/// Unicode does not know.
struct RegularExpression: Sendable {
  private let expression: NSRegularExpression

  init(_ pattern: String) throws {
    expression = try NSRegularExpression(
      pattern: Self.translated(pattern), options: [.anchorsMatchLines, .useUnixLineSeparators])
  }

  /// The same expression in ICU's syntax.
  static func translated(_ pattern: String) -> String {
    var output = String.UnicodeScalarView()
    var depth = 0
    var isEscaped = false
    for scalar in pattern.unicodeScalars {
      if isEscaped {
        isEscaped = false
        switch scalar {
        case "s": output.append(contentsOf: #"\p{White_Space}"#.unicodeScalars)
        case "S": output.append(contentsOf: #"\P{White_Space}"#.unicodeScalars)
        case "h": output.append(contentsOf: (depth > 0 ? "0-9a-fA-F" : "[0-9a-fA-F]").unicodeScalars)
        case "H" where depth == 0: output.append(contentsOf: "[^0-9a-fA-F]".unicodeScalars)
        default:
          output.append("\\")
          output.append(scalar)
        }
        continue
      }
      switch scalar {
      case "\\":
        isEscaped = true
        continue
      case "[": depth += 1
      case "]": depth = max(0, depth - 1)
      default: break
      }
      output.append(scalar)
    }
    if isEscaped { output.append("\\") }
    return String(output)
  }

  /// Appends the matches inside a range of valid UTF-8.
  func find(in text: [UInt8], _ range: Range<Int>, into matches: inout [SplitPattern.Match]) {
    let string = String(decoding: text[range], as: UTF8.self)
    let whole = NSRange(location: 0, length: string.utf16.count)
    // Matches come from left to right, so one pass turns their UTF-16 places into bytes.
    var (index, units) = (range.lowerBound, 0)
    func byte(atUnit target: Int) -> Int {
      while units < target, index < range.upperBound {
        let length = UTF8Scalars.length(text[index])
        index += length
        units += length == 4 ? 2 : 1
      }
      return index
    }
    var previousEnd: Int?
    for result in expression.matches(in: string, range: whole) {
      let start = byte(atUnit: result.range.location)
      let end = byte(atUnit: result.range.location + result.range.length)
      // Oniguruma's iterator passes over an empty match where the last match ended.
      if start == end, start == previousEnd { continue }
      previousEnd = end
      matches.append(SplitPattern.Match(start: start, end: end))
    }
  }
}
