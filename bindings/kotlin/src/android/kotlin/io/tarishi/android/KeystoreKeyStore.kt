package io.tarishi.android

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.util.AtomicFile
import io.tarishi.ClientException
import io.tarishi.KeyStore
import java.io.File
import java.io.IOException
import java.security.GeneralSecurityException
import java.security.KeyStore as JavaKeyStore
import java.security.ProviderException
import java.security.SecureRandom
import java.security.UnrecoverableKeyException
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * Keeps the key that seals payloads and outcomes: 32 random bytes in a file that is never backed up, encrypted by a key that does
 * not leave Android's Keystore. Works while the phone is locked, so that background sync does.
 *
 * If the Keystore's key is lost, as after some system updates, there is a new one: what the old one sealed can no longer be read
 * here. A Keystore that merely does not answer now is [ClientException.Storage], and nothing is replaced.
 */
public class KeystoreKeyStore(context: Context) : KeyStore {
    private val folder = File(context.applicationContext.noBackupFilesDir, "tarishi-keys")

    override fun sealKey(database: String): ByteArray = synchronized(lock) {
        try {
            val file = AtomicFile(File(folder, File(database).name + ".key"))
            read(file) ?: make(file)
        } catch (error: GeneralSecurityException) {
            throw storage(error)
        } catch (error: ProviderException) {
            throw storage(error)
        } catch (error: IOException) {
            throw storage(error)
        }
    }

    private fun read(file: AtomicFile): ByteArray? {
        if (!file.baseFile.exists()) return null
        val sealed = file.readFully()
        val wrapping = wrappingKey() ?: return null
        if (sealed.size != IV_BYTES + KEY_BYTES + TAG_BITS / 8) return null
        return try {
            val cipher = Cipher.getInstance(CIPHER)
            cipher.init(Cipher.DECRYPT_MODE, wrapping, GCMParameterSpec(TAG_BITS, sealed, 0, IV_BYTES))
            cipher.doFinal(sealed, IV_BYTES, sealed.size - IV_BYTES)
        } catch (_: AEADBadTagException) {
            null
        } catch (_: KeyPermanentlyInvalidatedException) {
            null
        }
    }

    private fun make(file: AtomicFile): ByteArray {
        val key = ByteArray(KEY_BYTES).also(SecureRandom()::nextBytes)
        val cipher = Cipher.getInstance(CIPHER)
        try {
            cipher.init(Cipher.ENCRYPT_MODE, wrappingKey() ?: makeWrappingKey())
        } catch (_: KeyPermanentlyInvalidatedException) {
            cipher.init(Cipher.ENCRYPT_MODE, makeWrappingKey())
        }
        val sealed = cipher.iv + cipher.doFinal(key)
        folder.mkdirs()
        val out = file.startWrite()
        try {
            out.write(sealed)
            file.finishWrite(out)
        } catch (error: IOException) {
            file.failWrite(out)
            throw error
        }
        return key
    }

    private fun wrappingKey(): SecretKey? {
        val keys = JavaKeyStore.getInstance(PROVIDER).apply { load(null) }
        return try {
            keys.getKey(ALIAS, null) as SecretKey?
        } catch (_: UnrecoverableKeyException) {
            null
        }
    }

    private fun makeWrappingKey(): SecretKey {
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val spec = KeyGenParameterSpec.Builder(ALIAS, purposes)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(KEY_BYTES * 8)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER).apply { init(spec) }.generateKey()
    }

    private fun storage(error: Exception) = ClientException.Storage("keystore: $error").apply { initCause(error) }

    private companion object {
        const val PROVIDER = "AndroidKeyStore"
        const val ALIAS = "io.tarishi.seal"
        const val CIPHER = "AES/GCM/NoPadding"
        const val KEY_BYTES = 32
        const val IV_BYTES = 12
        const val TAG_BITS = 128

        /** Two clients opened at once must not make two keys. */
        val lock = Any()
    }
}
