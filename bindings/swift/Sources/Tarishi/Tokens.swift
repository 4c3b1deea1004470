// Where tokens come from.

import Foundation

/// A token source made of closures.
///
/// ```swift
/// let tokens = Tokens { rejected in
///     rejected == nil ? try keychain.token() : try await login.refresh()
/// } rotated: { token in
///     try keychain.store(token)
/// }
/// ```
public final class Tokens: TokenSource {
    private let give: @Sendable (_ rejected: String?) async throws -> String
    private let keep: @Sendable (_ token: String) async throws -> Void

    /// `token` gives the token to use; `rejected` is the one the server just refused. Throw
    /// ``TarishiBindings/ClientError/SignIn`` if the person must sign in and `ClientError.Wait(reason:)` if there is none right now.
    /// `rotated` stores the token that the server gives in its place.
    public init(
        _ token: @escaping @Sendable (_ rejected: String?) async throws -> String,
        rotated: @escaping @Sendable (_ token: String) async throws -> Void = { _ in }
    ) {
        give = token
        keep = rotated
    }

    /// The token to use.
    public func token(rejected: String?) async throws -> String {
        try await give(rejected)
    }

    /// Stores the server's new token.
    public func rotated(token: String) async throws {
        try await keep(token)
    }
}

/// One token, until the app sets another. A rotated one is used at once and lost with the process: store it if that matters.
public final class StaticToken: TokenSource {
    private let current: Locked<String?>

    /// `nil`: nobody is signed in.
    public init(_ token: String?) {
        current = Locked(token)
    }

    /// Another token; call ``TarishiClient/tokenChanged()`` afterwards.
    public func set(_ token: String?) {
        current.with { $0 = token }
    }

    /// The token, unless the server refused it.
    public func token(rejected: String?) async throws -> String {
        guard let token = current.with({ $0 }), token != rejected else { throw ClientError.SignIn }
        return token
    }

    /// Uses the server's new token from now on.
    public func rotated(token: String) async throws {
        set(token)
    }
}
