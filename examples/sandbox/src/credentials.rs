//! The fixed test credentials. None of them opens anything but a sandbox.

/// M-Pesa consumer key: the user of the token call.
pub const MPESA_CONSUMER_KEY: &str = "sandbox-key";
/// M-Pesa consumer secret: the password of the token call.
pub const MPESA_CONSUMER_SECRET: &str = "sandbox-secret";
/// M-Pesa organisation shortcode, also the credit party.
pub const MPESA_SHORTCODE: &str = "600123";
/// Lipa-na-M-Pesa passkey, part of every charge's password.
pub const MPESA_PASSKEY: &str = "sandbox-passkey";
/// Name of the operator who may reverse and ask for transactions.
pub const MPESA_INITIATOR: &str = "sandbox-initiator";
/// Encrypted initiator password; any that is not empty is accepted.
pub const MPESA_SECURITY_CREDENTIAL: &str = "sandbox-credential";

/// Africa's Talking user name.
pub const SMS_USERNAME: &str = "sandbox";
/// Africa's Talking API key, sent in the header `apiKey`.
pub const SMS_API_KEY: &str = "sandbox-sms-key";

/// Flutterwave's secret key, sent as a bearer.
pub const FLUTTERWAVE_SECRET_KEY: &str = "FLWSECK_TEST-sandbox-X";
/// Flutterwave's secret hash, sent with every webhook.
pub const FLUTTERWAVE_SECRET_HASH: &str = "sandbox-flutterwave-hash";

/// Pesapal's consumer key.
pub const PESAPAL_CONSUMER_KEY: &str = "sandbox-pesapal-key";
/// Pesapal's consumer secret.
pub const PESAPAL_CONSUMER_SECRET: &str = "sandbox-pesapal-secret=";

/// WhatsApp: Meta's id of the sending number.
pub const WHATSAPP_PHONE_NUMBER_ID: &str = "100000000000001";
/// WhatsApp: the access token, sent as a bearer.
pub const WHATSAPP_ACCESS_TOKEN: &str = "sandbox-whatsapp-token";
/// WhatsApp: the secret that webhooks are signed with.
pub const WHATSAPP_APP_SECRET: &str = "sandbox-whatsapp-secret";

/// Google's OAuth client.
pub const GOOGLE_DRIVE_CLIENT_ID: &str = "sandbox-drive-client";
/// Google's OAuth client's secret.
pub const GOOGLE_DRIVE_CLIENT_SECRET: &str = "sandbox-drive-secret";
/// A refresh token that is good until it is revoked.
pub const GOOGLE_DRIVE_REFRESH_TOKEN: &str = "sandbox-drive-refresh-token";
