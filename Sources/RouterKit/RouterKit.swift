// One import for notebooks: `import RouterKit`.
@_exported import Alignment
@_exported import Dialogues
@_exported import LinearAlgebra
@_exported import NeuralNetwork
@_exported import PreferenceData
@_exported import Randomness
@_exported import Reporting
@_exported import RewardModels
@_exported import Routing
@_exported import Storage
@_exported import Studies
@_exported import Tokenization
@_exported import Transformers
