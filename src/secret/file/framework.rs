//! Settings of web applications and of the frameworks they are made with.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::cluster::application;
use super::lines::EQUALS;
use super::setting::{Setting, is_password_key, is_secret_key};
use super::{FileFormat, hit};

/// `settings.py` of Django ("Settings", Django).
pub(super) static DJANGO: FileFormat = FileFormat {
    names: &["settings*.py", "*settings.py", "local_settings*", "production.py", "prod.py", "base.py", "local.py"],
    holds: &["DATABASES", "django.db.backends"],
    read: |reader| {
        reader.code(|setting| {
            if setting.key() == b"SECRET_KEY" {
                let is_long = setting.value.len() >= 20 && setting.value.iter().any(u8::is_ascii_digit);
                is_long.then(|| hit("django-secret-key"))
            } else if setting.key() == b"PASSWORD" && setting.path.len() >= 2 {
                Some(hit("django-database-password"))
            } else if setting.key_is(&["EMAIL_HOST_PASSWORD"]) {
                Some(hit("django-email-password"))
            } else {
                None
            }
        });
    },
};

/// `settings.php` of Drupal ("settings.php", Drupal).
pub(super) static DRUPAL: FileFormat = FileFormat {
    names: &["settings*.php"],
    holds: &["$databases", "hash_salt"],
    read: |reader| {
        if !reader.holds("$databases") && !reader.holds("hash_salt") && !reader.holds("$db_url") {
            return;
        }
        reader.code(|setting| match setting.key() {
            b"password" => Some(hit("drupal-database-password")),
            b"hash_salt" | b"drupal_hash_salt" => (setting.value.len() >= 16).then(|| hit("drupal-hash-salt")),
            _ => None,
        });
    },
};

/// `configuration.php` of Joomla: fields of the class `JConfig`.
pub(super) static JOOMLA: FileFormat = FileFormat {
    names: &[],
    holds: &["class JConfig"],
    read: |reader| {
        reader.code(|setting| match setting.key() {
            b"password" | b"smtppass" | b"ftp_pass" | b"redis_server_auth" | b"proxy_pass" => {
                Some(hit("joomla-password"))
            }
            // what the template of the file has
            b"secret" => (setting.value != b"FBVtggIk5lAzEU9H").then(|| hit("joomla-secret")),
            _ => None,
        });
    },
};

/// `.env` files: the application key of Laravel, and what other keys say ("Configuration", Laravel).
pub(super) static LARAVEL: FileFormat = FileFormat {
    names: &[".env*", "*.env"],
    holds: &[],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            if setting.key() == b"APP_KEY" && setting.value.starts_with(b"base64:") {
                Some(hit("laravel-app-key"))
            } else {
                application(setting.key(), setting.value, "environment-file-secret")
            }
        });
    },
};

/// `app/etc/env.php` of Magento and Adobe Commerce.
pub(super) static MAGENTO: FileFormat = FileFormat {
    names: &["env.php"],
    holds: &["'MAGE_MODE'"],
    read: |reader| {
        reader.code(|setting| match setting.key() {
            b"password" | b"amqp_password" => Some(hit("magento-password")),
            b"key" if setting.is_under("crypt") => Some(hit("magento-crypt-key")),
            _ => None,
        });
    },
};

/// Files of settings that applications in PHP read: `$dbpasswd = '…'`, `'password' => '…'`.
pub(super) static PHP_SETTINGS: FileFormat = FileFormat {
    names: &["config*.php", "database.php", "db*.php", "connect*.php", "conn.php", "parameters.php", "local.php"],
    holds: &[],
    read: |reader| {
        reader.code(|setting| {
            is_password_key(setting.key())
                .then(|| application(setting.key(), setting.value, "php-settings-password"))
                .flatten()
        });
    },
};

/// `config.inc.php` of phpMyAdmin ("Configuration", phpMyAdmin).
pub(super) static PHPMYADMIN: FileFormat = FileFormat {
    names: &["config.inc.php", "config-db.php", "config.secret.inc.php"],
    holds: &["$cfg['blowfish_secret']"],
    read: |reader| {
        reader.code(|setting| match setting.key() {
            b"password" | b"controlpass" | b"dbpass" => Some(hit("phpmyadmin-password")),
            b"blowfish_secret" => Some(hit("phpmyadmin-blowfish-secret")),
            _ => None,
        });
    },
};

/// `config/database.yml` ("Configuring a Database", Ruby on Rails).
pub(super) static RAILS_DATABASE: FileFormat = FileFormat {
    names: &["database*.yml", "database*.yaml", "cable.yml", "mongoid.yml"],
    holds: &[],
    read: |reader| reader.yaml(|setting| setting.key_is(&["password"]).then(|| hit("rails-database-password"))),
};

/// `config/master.key` and `config/credentials/*.key`: 32 hexadecimal digits, alone ("Securing Rails Applications").
pub(super) static RAILS_KEY: FileFormat = FileFormat {
    names: &["*.key"],
    holds: &[],
    read: |reader| {
        let span = reader.trimmed();
        let value = reader.at(&span);
        if matches!(value.len(), 32 | 64) && value.iter().all(u8::is_ascii_hexdigit) {
            reader.add(&[], span, hit("rails-master-key"));
        }
    },
};

/// `config/secrets.yml` of Rails and Symfony-like files of secrets.
pub(super) static RAILS_SECRETS: FileFormat = FileFormat {
    names: &["secrets*.yml", "secrets*.yaml", "parameters.yml", "parameters.yaml", "secret_token.rb", "secret*.toml"],
    holds: &[],
    read: |reader| {
        let judge = |setting: &Setting<'_>| {
            if setting.key_is(&["secret_key_base", "secret_token"]) {
                (setting.value.len() >= 30).then(|| hit("rails-secret-key-base"))
            } else {
                application(setting.key(), setting.value, "environment-file-secret")
            }
        };
        if reader.name.ends_with(b".rb") {
            reader.code(judge);
        } else if reader.name.ends_with(b".toml") {
            reader.lines(EQUALS, judge);
        } else if !reader.holds("kind: Secret") && !reader.holds("\nsops:") {
            reader.yaml(judge);
        }
    },
};

/// `wp-config.php` ("Editing wp-config.php", `WordPress`).
pub(super) static WORDPRESS: FileFormat = FileFormat {
    names: &["wp-config*", "wp-salt.php"],
    holds: &["DB_PASSWORD", "AUTH_KEY"],
    read: |reader| {
        reader.code(|setting| match setting.key() {
            b"DB_PASSWORD" | b"FTP_PASS" | b"WP_REDIS_PASSWORD" => {
                (setting.value != b"password_here").then(|| hit("wordpress-database-password"))
            }
            b"AUTH_KEY" | b"SECURE_AUTH_KEY" | b"LOGGED_IN_KEY" | b"NONCE_KEY" | b"AUTH_SALT" | b"SECURE_AUTH_SALT"
            | b"LOGGED_IN_SALT" | b"NONCE_SALT" => {
                // `put your unique phrase here`
                let is_set = setting.value.len() >= 32 && setting.value.iter().any(u8::is_ascii_digit);
                is_set.then(|| hit("wordpress-key"))
            }
            key if setting.is_under("define") && is_secret_key(key) => {
                application(key, setting.value, "wordpress-database-password")
            }
            _ => None,
        });
    },
};
