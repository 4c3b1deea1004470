// What the network is, as Apple's platforms see it.

#if canImport(Network)
    import Foundation
    import Network

    /// Tells the library what `NWPathMonitor` sees. Expensive and constrained paths (mobile data, Low Data Mode) are metered.
    public final class PathMonitor: NetworkMonitor {
        // A monitor that was cancelled cannot start again, so each start has its own.
        private let running = Locked<NWPathMonitor?>(nil)

        /// A monitor, not yet started: the client starts it and stops it.
        public init() {}

        /// Watches, and tells the sink at once what there is.
        public func start(sink: NetworkSink) throws {
            let monitor = NWPathMonitor()
            monitor.pathUpdateHandler = { path in
                sink.changed(network: Self.network(satisfied: path.status == .satisfied, metered: path.isExpensive || path.isConstrained))
            }
            let before = running.with { running in
                defer { running = monitor }
                return running
            }
            before?.cancel()
            monitor.start(queue: DispatchQueue(label: "io.tarishi.network"))
        }

        /// Watches no more.
        public func stop() throws {
            let monitor = running.with { running in
                defer { running = nil }
                return running
            }
            monitor?.cancel()
        }

        private static func network(satisfied: Bool, metered: Bool) -> TarishiBindings.Network {
            guard satisfied else { return .offline }
            return metered ? .metered : .unmetered
        }
    }
#endif
