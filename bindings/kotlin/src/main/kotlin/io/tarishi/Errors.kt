package io.tarishi

/**
 * Nothing is wrong with the request: the same call may do later. The other variants want something done first:
 *
 * | thrown | do |
 * | --- | --- |
 * | [ClientException.SignIn] | let the person sign in, then [TarishiClient.tokenChanged] |
 * | [ClientException.Wait] | nothing; try later (the quota is full, or there is no network) |
 * | [ClientException.FixInput] | correct the field; nothing was stored |
 * | [ClientException.NotAllowed] | read the operation again: its state forbids the call |
 * | [ClientException.Storage] | tell the person that the phone's storage is full or failing |
 * | [ClientException.Upgrade] | offer the app's newer version; what is queued stays |
 * | [ClientException.NewDevice] | register a new device and open a new database: this one is a copy of another phone's |
 * | [ClientException.NotOpen] | [TarishiClient.resume], or open a client |
 * | [ClientException.Stopped] | nothing: the app stopped it |
 * | [ClientException.Bug] | report it, with [TarishiClient.report] |
 */
public val ClientException.isTemporary: Boolean
    get() = this is ClientException.Wait || this is ClientException.Storage

/** The stored operation, or the error why it was not stored. */
public fun EnqueueResult.getOrThrow(): OperationRecord = when (this) {
    is EnqueueResult.Stored -> record
    is EnqueueResult.Refused -> throw error
}

/** The stored operation, or `null` if it was not stored. */
public fun EnqueueResult.getOrNull(): OperationRecord? = (this as? EnqueueResult.Stored)?.record

/** Why it was not stored, or `null` if it was. */
public fun EnqueueResult.errorOrNull(): ClientException? = (this as? EnqueueResult.Refused)?.error
