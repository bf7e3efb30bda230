/// A part of a template's program.
indirect enum TemplateNode: Sendable {
  case text(String)
  case print(TemplateExpression)
  case set(String, TemplateExpression)
  case branch(TemplateExpression, [TemplateNode], otherwise: [TemplateNode])
  case loop(String, over: TemplateExpression, [TemplateNode])
}

indirect enum TemplateExpression: Sendable {
  case value(TemplateValue)
  case variable(String)
  case list([TemplateExpression])
  case member(TemplateExpression, TemplateExpression)
  case slice(TemplateExpression, from: TemplateExpression?, to: TemplateExpression?)
  case call(TemplateExpression, method: String, [TemplateExpression])
  case filter(TemplateExpression, String)
  case test(TemplateExpression, String)
  case refuse(TemplateExpression)
  case not(TemplateExpression)
  case negative(TemplateExpression)
  case binary(String, TemplateExpression, TemplateExpression)
  case choice(TemplateExpression, TemplateExpression, otherwise: TemplateExpression?)
}
