//! Generates the Kotlin and Swift sources from the built library:
//! `uniffi-bindgen generate --no-format --language kotlin --language swift --out-dir DIR target/debug/libtarishi.so`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
