// Cancelled tasks, and durations. A task in Swift that waits for Rust is not heard there by itself: these two tell, or stop
// waiting.

import Foundation

/// Runs a call that takes a `Stop`, and stops it when the task is cancelled.
func stoppable<Value: Sendable>(_ call: (Stop) async throws -> Value) async throws -> Value {
    let stop = Stop()
    return try await withTaskCancellationHandler {
        do {
            return try await call(stop)
        } catch ClientError.Stopped where Task.isCancelled {
            throw CancellationError()
        }
    } onCancel: {
        stop.stop()
    }
}

/// Waits for work that goes on to its end by itself, and stops waiting when the task is cancelled.
func abandonable<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let waiting = Locked<CheckedContinuation<Value, any Error>?>(nil)
    let end: @Sendable (Result<Value, any Error>) -> Void = { result in
        let continuation = waiting.with { waiting in
            defer { waiting = nil }
            return waiting
        }
        continuation?.resume(with: result)
    }
    return try await withTaskCancellationHandler {
        try Task.checkCancellation()
        return try await withCheckedThrowingContinuation { continuation in
            waiting.with { $0 = continuation }
            Task {
                do {
                    end(.success(try await work()))
                } catch {
                    end(.failure(error))
                }
            }
            // Cancelled before there was anything to end.
            if Task.isCancelled { end(.failure(CancellationError())) }
        }
    } onCancel: {
        end(.failure(CancellationError()))
    }
}

extension TimeInterval {
    /// What the library takes: neither less than nothing nor more than a lifetime. A deadline worked out from a date may be past.
    var asDuration: TimeInterval {
        isNaN ? 0 : Swift.min(Swift.max(self, 0), 3_000_000_000)
    }
}
