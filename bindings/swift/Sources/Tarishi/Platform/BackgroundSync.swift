// Syncing while the app is not on the screen, by BGTaskScheduler.

#if canImport(BackgroundTasks) && !os(macOS) && !os(watchOS)
    import BackgroundTasks
    import Foundation

    #if canImport(UIKit)
        import UIKit
    #endif

    /// Syncs in the time that the system gives an app in the background.
    ///
    /// List the identifier under `BGTaskSchedulerPermittedIdentifiers` in Info.plist and switch on the background mode "processing".
    /// Register before the app has finished launching, schedule whenever it goes to the background:
    ///
    /// ```swift
    /// let sync = BackgroundSync(identifier: "org.example.pay.sync") { try await AppModel.shared.client() }
    /// sync.register()
    /// // in onChange(of: scenePhase), .background:
    /// try? sync.schedule()
    /// ```
    public final class BackgroundSync: Sendable {
        private let identifier: String
        private let deadline: TimeInterval
        private let client: @Sendable () async throws -> TarishiClient

        /// `client` gives the open client, or opens it: the system may start the app for this alone. `deadline`, in seconds, is how
        /// long a run may take; the system may end it sooner.
        public init(identifier: String, deadline: TimeInterval = 25, client: @escaping @Sendable () async throws -> TarishiClient) {
            self.identifier = identifier
            self.deadline = deadline
            self.client = client
        }

        /// Registers with the system. `false`: the identifier is not in Info.plist, or is registered already.
        @discardableResult
        public func register() -> Bool {
            BGTaskScheduler.shared.register(forTaskWithIdentifier: identifier, using: nil) { [self] task in handle(task) }
        }

        /// Asks for a run when there is network, at the earliest after `delay` seconds. Asking again replaces what was asked before.
        public func schedule(after delay: TimeInterval = 0) throws {
            let request = BGProcessingTaskRequest(identifier: identifier)
            request.requiresNetworkConnectivity = true
            request.requiresExternalPower = false
            request.earliestBeginDate = delay > 0 ? Date(timeIntervalSinceNow: delay) : nil
            try BGTaskScheduler.shared.submit(request)
        }

        private func handle(_ task: BGTask) {
            let ending = Ending(task)
            let work = Task { [self] in
                let complete = await run()
                // What is left is asked for again; the library knows by itself when to try which operation.
                if !complete { try? schedule(after: 15 * 60) }
                ending.end(complete)
            }
            task.expirationHandler = {
                // The sync stops, what is being written is written to its end, and the task ends with it.
                work.cancel()
            }
        }

        private func run() async -> Bool {
            guard let client = try? await client() else { return false }
            // It was suspended when the app left the screen, and the app is still away.
            try? await client.resume()
            let report = try? await client.sync(deadline: deadline)
            if await Self.away() { try? await client.suspend(deadline: 2) }
            return report?.complete ?? false
        }

        @MainActor
        private static func away() -> Bool {
            #if canImport(UIKit)
                UIApplication.shared.applicationState == .background
            #else
                false
            #endif
        }
    }

    /// Ends a background task from another task. Unchecked, since `setTaskCompleted` may be called from any thread and BGTask is
    /// not marked so.
    private final class Ending: @unchecked Sendable {
        private let task: BGTask

        init(_ task: BGTask) {
            self.task = task
        }

        func end(_ success: Bool) {
            task.setTaskCompleted(success: success)
        }
    }
#endif
