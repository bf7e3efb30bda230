import Testing
import Tokenization

@Suite struct ScalarClassesTests {
  /// How many scalars the package finds in each class, by its normalizers and pre-tokenizers asked for every scalar. Unicode 17's
  /// need a standard library that knows them.
  @Test func classesHaveAsManyScalarsAsInThePackage() {
    var counts = [Int](repeating: 0, count: 16)
    for value in UInt32(0)..<0x110000 where Unicode.Scalar(value) != nil {
      let mask = ScalarClasses.shared[value]
      for bit in 0..<16 where mask & 1 << bit != 0 { counts[bit] += 1 }
    }
    func count(_ mask: ScalarClasses.Mask) -> Int { counts[mask.trailingZeroBitCount] }
    #expect(count(ScalarClasses.letter) == 141_028)
    #expect(count(ScalarClasses.number) == 1911)
    #expect(count(ScalarClasses.space) == 25)
    #expect(count(ScalarClasses.punctuation) == 726)
    #expect(count(ScalarClasses.word) == 144_667)
    #expect(count(ScalarClasses.control) == 137_681)
    #expect(count(ScalarClasses.nonspacingMark) == 1567)
    #expect(count(ScalarClasses.combiningMark) == 2097)
    #expect(count(ScalarClasses.ideograph) == 81_264)
    let knowsUnicode17 = Unicode.Scalar(0x16ed0)?.properties.age.map { $0.major >= 17 } ?? false
    if knowsUnicode17 {
      #expect(count(ScalarClasses.numeric) == 1924)
      #expect(count(ScalarClasses.hasLowercase) == 1488)
    }
  }

  /// Blocks of ideographs end within a page of the table.
  @Test(
    arguments: [0x2b73a, 0x2b81e, 0x2cea2, 0x2a6e0, 0x2ebe1, 0x323b0, 0xd7a4, 0xd800, 0xfffe, 0x10ffff] as [UInt32])
  func unassignedScalarsHaveNoClass(value: UInt32) {
    #expect(ScalarClasses.shared[value] & ~ScalarClasses.ideograph == 0)
  }
}

@Suite struct NormalizationTests {
  private func utf8(_ scalars: [UInt32]) -> [UInt8] {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars.compactMap(Unicode.Scalar.init))
    return Array(String(text).utf8)
  }

  /// Runs are composed one by one; the result is that of the whole text.
  @Test func compositionByRunsIsThatOfTheWhole() throws {
    for text in try Fixture.texts() + [
      "e\u{301}", "xe\u{301}\u{323}y", "\u{1100}\u{1161}\u{11a8}", "²\u{301}", "a\u{a0}\u{301}",
    ] {
      for compatibility in [false, true] {
        let table: Decomposition = compatibility ? .compatibility : .canonical
        let whole = utf8(Composition.shared.compose(table.decompose(Array(text.utf8))))
        let runs = Composition.composed(Array(text.utf8), compatibility: compatibility)
        #expect(runs == whole, "\(text.debugDescription)")
      }
    }
  }

  @Test func formsAreThoseOfTheStandard() {
    func composed(_ text: String, compatibility: Bool) -> [UInt8] {
      Composition.composed(Array(text.utf8), compatibility: compatibility)
    }
    #expect(
      utf8(Decomposition.canonical.decompose(Array("Å\u{323}ﬁ각".utf8)))
        == Array("A\u{323}\u{30a}ﬁ\u{1100}\u{1161}\u{11a8}".utf8))
    #expect(composed("A\u{30a}\u{323}", compatibility: false) == Array("\u{1ea0}\u{30a}".utf8))
    #expect(composed("ﬁ²\u{a0}", compatibility: true) == Array("fi2 ".utf8))
    #expect(CaseMapping.lowercased(Array("ΣİſK".utf8)) == Array("σi\u{307}ſk".utf8))
  }
}
