import Foundation
import Storage

/// A figure that gnuplot draws: a script with its data inside, an SVG for a page and a PNG for a slide.
public protocol Plot: Sendable {
  /// The gnuplot script that writes `NAME.svg` and `NAME.png` into the folder it is run from.
  ///
  /// - Throws: `ReportingError` where there is nothing to draw, or a value that cannot be drawn.
  func script(name: String) throws(ReportingError) -> String
}

extension Plot {
  /// Writes `NAME.gp`, and has gnuplot draw `NAME.svg` (900 x 560 pixels) and `NAME.png` (1800 x 1120) from it.
  ///
  /// The script alone suffices to draw them again: `gnuplot NAME.gp` in `folder`. Where there is no gnuplot it is all
  /// that is written, and the result says so. A drawing that fails or is killed leaves the script and no half image.
  ///
  /// - Parameters:
  ///   - folder: an existing folder.
  ///   - name: of the files; ASCII letters, digits, `-`, `_` and `.` only.
  ///   - gnuplot: path of the program; nil looks for `gnuplot` in the folders of `PATH`.
  /// - Throws: `ReportingError`.
  public func render(to folder: URL, name: String, gnuplot: String? = nil) throws(ReportingError) -> PlotFiles {
    precondition(
      !name.isEmpty && name.utf8.allSatisfy { "-_.".utf8.contains($0) || isASCIILetterOrDigit($0) },
      "a plot's name '\(name)' may hold ASCII letters, digits, '-', '_' and '.' only")
    let scriptFile = folder.appendingPathComponent("\(name).gp")
    let svg = folder.appendingPathComponent("\(name).svg")
    let png = folder.appendingPathComponent("\(name).png")
    try Self.write(Data(try script(name: name).utf8), to: scriptFile)
    guard let program = Gnuplot(path: gnuplot) else { return PlotFiles(script: scriptFile, svg: nil, png: nil) }
    do {
      try Self.draw(scriptFile, [svg, png], with: program)
    } catch {
      for image in [svg, png] {
        let isFile = (try? image.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile
        if isFile == true { try? FileManager.default.removeItem(at: image) }
      }
      throw error
    }
    return PlotFiles(script: scriptFile, svg: svg, png: png)
  }

  /// As `render`, in words: what was drawn, or why it was not. For a run whose numbers outlive a gnuplot that fails.
  public func drawn(to folder: URL, name: String) -> String {
    do {
      return try render(to: folder, name: name).description
    } catch {
      return "warning: \(error)"
    }
  }

  /// Has gnuplot draw in a hidden folder beside the script, as it writes an image bit by bit, and takes the whole images.
  private static func draw(_ script: URL, _ images: [URL], with program: Gnuplot) throws(ReportingError) {
    let scratch = script.deletingLastPathComponent().appendingPathComponent(
      ".\(script.lastPathComponent).tmp-\(UUID().uuidString.prefix(8))")
    do {
      try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: false)
    } catch {
      throw .plotNotWritten(path: scratch.path, reason: error.localizedDescription)
    }
    defer { try? FileManager.default.removeItem(at: scratch) }
    try program.run(script, in: scratch)
    for image in images {
      let drawn: [UInt8]
      do {
        drawn = try AtomicFile.read(scratch.appendingPathComponent(image.lastPathComponent))
      } catch {
        throw .plotNotWritten(path: image.path, reason: "gnuplot has not drawn it: \(error)")
      }
      try write(Data(drawn), to: image)
    }
  }

  private static func write(_ data: Data, to url: URL) throws(ReportingError) {
    do {
      try AtomicFile.write(data, to: url)
    } catch {
      throw .plotNotWritten(path: url.path, reason: "\(error)")
    }
  }
}

private func isASCIILetterOrDigit(_ byte: UInt8) -> Bool {
  let character = Character(UnicodeScalar(byte))
  return character.isASCII && (character.isLetter || character.isNumber)
}

/// What `render` has left in its folder.
public struct PlotFiles: Sendable, Equatable, CustomStringConvertible {
  public let script: URL
  /// The images; nil where there was no gnuplot to draw them.
  public let svg: URL?
  public let png: URL?

  /// `regret.svg, regret.png`, or where to draw them from.
  public var description: String {
    if let svg, let png { return "\(svg.lastPathComponent), \(png.lastPathComponent)" }
    let name = script.lastPathComponent
    return "\(name) (no gnuplot here to draw it; install gnuplot and run 'gnuplot \(name)' in its folder)"
  }
}
