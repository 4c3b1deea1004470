// Suspending and resuming with the app: iOS ends an app that is suspended while it holds a lock on a file.

#if canImport(UIKit) && !os(watchOS)
    import Foundation
    import UIKit

    /// Suspends a client when the app leaves the screen, within the background time that UIKit gives, and resumes it when the app
    /// comes back. Keep it as long as the client.
    ///
    /// ```swift
    /// phases = ScenePhases(of: client)
    /// ```
    @MainActor
    public final class ScenePhases {
        private let client: TarishiClient
        private let deadline: TimeInterval
        private var observers: [any NSObjectProtocol] = []
        /// Suspending and resuming, one after the other.
        private var last: Task<Void, Never>?

        /// Begins to watch. `deadline`, in seconds, is how long letting go of the database may take.
        public init(of client: TarishiClient, deadline: TimeInterval = 5) {
            self.client = client
            self.deadline = deadline
            watch(UIApplication.didEnterBackgroundNotification) { $0.left() }
            watch(UIApplication.willEnterForegroundNotification) { $0.returned() }
        }

        /// Watches no more. The client stays as it is.
        public func end() {
            for observer in observers { NotificationCenter.default.removeObserver(observer) }
            observers = []
        }

        private func watch(_ name: Notification.Name, _ act: @escaping @MainActor (ScenePhases) -> Void) {
            let observer = NotificationCenter.default.addObserver(forName: name, object: nil, queue: .main) { [weak self] _ in
                // Queue and actor are the same thread.
                MainActor.assumeIsolated {
                    if let self { act(self) }
                }
            }
            observers.append(observer)
        }

        private func left() {
            let time = BackgroundTime("io.tarishi.suspend")
            follow { [client, deadline] in
                try? client.setForeground(false)
                try? await client.suspend(deadline: deadline)
                await time.end()
            }
        }

        private func returned() {
            follow { [client] in
                try? await client.resume()
                try? client.setForeground(true)
            }
        }

        private func follow(_ work: @escaping @Sendable () async -> Void) {
            let before = last
            last = Task {
                await before?.value
                await work()
            }
        }
    }

    /// Background time of UIKit's, ended once.
    @MainActor
    private final class BackgroundTime {
        private var task = UIBackgroundTaskIdentifier.invalid

        init(_ name: String) {
            task = UIApplication.shared.beginBackgroundTask(withName: name) { [weak self] in
                MainActor.assumeIsolated { self?.end() }
            }
        }

        func end() {
            guard task != .invalid else { return }
            UIApplication.shared.endBackgroundTask(task)
            task = .invalid
        }
    }
#endif
