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

/// Moodle's web-service token.
pub const MOODLE_TOKEN: &str = "5a4d6f6f646c6553616e64626f78546f";

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
/// FCM: the Firebase project.
pub const FCM_PROJECT_ID: &str = "sandbox-project";
/// FCM: the service account.
pub const FCM_CLIENT_EMAIL: &str = "sandbox@sandbox-project.iam.gserviceaccount.com";
/// FCM: the id of the service account's key.
pub const FCM_KEY_ID: &str = "0000000000000000000000000000000000000000";
/// FCM: whom the service account's assertions are for.
pub const FCM_TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// FCM: the public half of the service account's key, PKCS#1 in base64.
pub const FCM_PUBLIC_KEY: &str = "MIIBCgKCAQEAqxMV8xv8CZg537sPd6gwN80VCCdDLaPSIoxo19CSpkslul0ip5XVUVgIAy2XX5h71HKsKIDlvJQ0YcfTPW2htlsY\
    l6DW46HHKzsqOjLwfgfaEUO5KrexZ7PLJ6q4gqtMNaUxUP2Ex2BoBMOBUTluElI9VStMaML6gZHZ/AoqyKCvzZdFPv6agg0XEaTN\
    fgHw1k6TTI04F6KL+jpQf457hzFpeRNmN9qV3P05WERtgXIaza+yoXkTJOaS2YSR/H4+7LmTSi3Jt5iOZ2mv/kpP6559zk8FKLEJ\
    1PKZ/698JblvWvIo4+g0C4W/FPNytmOEk+mJ8V4zxX1VfIocPxWfIwIDAQAB";
/// APNs: the key's id.
pub const APNS_KEY_ID: &str = "SANDBOXKEY";
/// APNs: the team's id.
pub const APNS_TEAM_ID: &str = "SANDBOXORG";
/// APNs: the app.
pub const APNS_BUNDLE_ID: &str = "org.example.sandbox";
/// APNs: the public half of the key, an uncompressed point in base64.
pub const APNS_PUBLIC_KEY: &str = "BABVnM/F3TokBkyyhxbD0/ecN2omqzbUZtJJ2Zi0j7GMuch7sjc8isLl9eEssNkGhZEit2Wok+iP4tuK8SIIb1g=";
