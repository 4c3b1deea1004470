// What an app types. The generated half, `TarishiBindings`, is re-exported: records, states, events and errors are its types.
//
// The way through: ``Configuration`` → ``TarishiClient`` → typed operations (`Operations/`) → streams (`Streams.swift`), which
// hear from one subscription per client (`EventHub.swift`). What needs Apple's frameworks is in `Platform/`.

@_exported import TarishiBindings
