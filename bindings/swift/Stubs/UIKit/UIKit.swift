// A stand-in for Apple's module, for type-checking on Linux only: it has the declarations that Platform/ uses and does nothing. Built
// by bindings/tools/swift.sh with TARISHI_APPLE_STUBS; never part of a product. A type-check against it is no proof of behaviour.

import Foundation

public struct UIBackgroundTaskIdentifier: Sendable, Equatable {
    public static let invalid = UIBackgroundTaskIdentifier()
}

@MainActor
public final class UIApplication {
    public enum State: Sendable { case active, inactive, background }
    public static let shared = UIApplication()
    public nonisolated static let didEnterBackgroundNotification = Notification.Name("UIApplicationDidEnterBackground")
    public nonisolated static let willEnterForegroundNotification = Notification.Name("UIApplicationWillEnterForeground")
    public var applicationState: State { .active }
    public func beginBackgroundTask(
        withName taskName: String?, expirationHandler handler: (@MainActor @Sendable () -> Void)? = nil
    ) -> UIBackgroundTaskIdentifier { .invalid }
    public func endBackgroundTask(_ identifier: UIBackgroundTaskIdentifier) {}
}
