//! Groups of artifacts whose builds leave no record of Maven in the archive: those of Gradle, Ant and sbt.
//!
//! Only artifacts that every repository has in one group are here, the group being the one of Maven Central.

/// The group of an artifact; `None` if it is not a known one.
pub(super) fn of(artifact: &str) -> Option<&str> {
    if OWN.contains(&artifact) {
        return Some(artifact);
    }
    let exact = EXACT.iter().find(|(names, _)| names.contains(&artifact));
    let group = exact.or_else(|| PREFIX.iter().find(|(names, _)| names.iter().any(|name| artifact.starts_with(name))));
    group.map(|(_, group)| *group)
}

/// Artifacts whose group has the same name.
const OWN: &[&str] = &[
    "antlr",
    "aopalliance",
    "commons-beanutils",
    "commons-chain",
    "commons-cli",
    "commons-codec",
    "commons-collections",
    "commons-configuration",
    "commons-daemon",
    "commons-dbcp",
    "commons-digester",
    "commons-discovery",
    "commons-el",
    "commons-fileupload",
    "commons-httpclient",
    "commons-io",
    "commons-jxpath",
    "commons-lang",
    "commons-logging",
    "commons-net",
    "commons-pool",
    "commons-validator",
    "javax.inject",
    "joda-time",
    "junit",
    "log4j",
    "ognl",
    "oro",
    "xalan",
    "xml-apis",
];

const EXACT: &[(&[&str], &str)] = &[
    (
        &[
            "spring-aop",
            "spring-aspects",
            "spring-beans",
            "spring-context",
            "spring-context-indexer",
            "spring-context-support",
            "spring-core",
            "spring-expression",
            "spring-instrument",
            "spring-jcl",
            "spring-jdbc",
            "spring-jms",
            "spring-messaging",
            "spring-orm",
            "spring-oxm",
            "spring-r2dbc",
            "spring-test",
            "spring-tx",
            "spring-web",
            "spring-webflux",
            "spring-webmvc",
            "spring-websocket",
        ],
        "org.springframework",
    ),
    (&["spring-amqp", "spring-rabbit"], "org.springframework.amqp"),
    (&["spring-graphql"], "org.springframework.graphql"),
    (&["spring-hateoas"], "org.springframework.hateoas"),
    (&["spring-kafka"], "org.springframework.kafka"),
    (&["spring-retry"], "org.springframework.retry"),
    (&["spring-security-oauth2"], "org.springframework.security.oauth"),
    (&["spring-boot"], "org.springframework.boot"),
    (&["antlr-runtime", "antlr4-runtime"], "org.antlr"),
    (&["asm", "asm-analysis", "asm-commons", "asm-tree", "asm-util"], "org.ow2.asm"),
    (&["byte-buddy", "byte-buddy-agent"], "net.bytebuddy"),
    (&["caffeine"], "com.github.ben-manes.caffeine"),
    (&["checker-qual"], "org.checkerframework"),
    (&["activation"], "javax.activation"),
    (&["automaton"], "dk.brics.automaton"),
    (&["derby"], "org.apache.derby"),
    (&["elasticsearch", "elasticsearch-core", "elasticsearch-x-content"], "org.elasticsearch"),
    (&["elasticsearch-rest-client"], "org.elasticsearch.client"),
    (&["freemarker"], "org.freemarker"),
    (&["gson"], "com.google.code.gson"),
    (&["guice"], "com.google.inject"),
    (
        &[
            "guice-assistedinject",
            "guice-grapher",
            "guice-jmx",
            "guice-jndi",
            "guice-multibindings",
            "guice-servlet",
            "guice-spring",
            "guice-throwingproviders",
        ],
        "com.google.inject.extensions",
    ),
    (&["h2"], "com.h2database"),
    (&["hamcrest", "hamcrest-core", "hamcrest-library"], "org.hamcrest"),
    (&["hsqldb"], "org.hsqldb"),
    (&["itextpdf"], "com.itextpdf"),
    (&["jackson-annotations", "jackson-core", "jackson-databind"], "com.fasterxml.jackson.core"),
    (&["jackson-core-asl", "jackson-mapper-asl"], "org.codehaus.jackson"),
    (&["javassist"], "org.javassist"),
    (&["jdo-api"], "javax.jdo"),
    (&["jna", "jna-platform"], "net.java.dev.jna"),
    (&["jsch"], "com.jcraft"),
    (&["jsr305"], "com.google.code.findbugs"),
    (&["jsp-api"], "javax.servlet.jsp"),
    (&["jta", "transaction-api"], "javax.transaction"),
    (&["kafka-clients", "kafka-streams", "kafka_2.12", "kafka_2.13"], "org.apache.kafka"),
    (&["kotlin-reflect"], "org.jetbrains.kotlin"),
    (&["ivy"], "org.apache.ivy"),
    (&["libfb303", "libthrift"], "org.apache.thrift"),
    (&["lombok"], "org.projectlombok"),
    (&["lz4-java"], "org.lz4"),
    (&["mockito-core"], "org.mockito"),
    (&["mssql-jdbc"], "com.microsoft.sqlserver"),
    (&["mysql-connector-j"], "com.mysql"),
    (&["mysql-connector-java"], "mysql"),
    (&["okio", "okio-jvm"], "com.squareup.okio"),
    (&["opentelemetry-api", "opentelemetry-context", "opentelemetry-sdk"], "io.opentelemetry"),
    (&["poi", "poi-ooxml", "poi-ooxml-schemas", "poi-scratchpad"], "org.apache.poi"),
    (&["postgresql"], "org.postgresql"),
    (&["quartz"], "org.quartz-scheduler"),
    (&["reactive-streams"], "org.reactivestreams"),
    (&["reactor-core"], "io.projectreactor"),
    (&["RoaringBitmap"], "org.roaringbitmap"),
    (&["scala-compiler", "scala-library", "scala-reflect"], "org.scala-lang"),
    (&["shapeless_2.11", "shapeless_2.12", "shapeless_2.13"], "com.chuusai"),
    (&["snakeyaml"], "org.yaml"),
    (&["struts2-core"], "org.apache.struts"),
    (&["velocity"], "org.apache.velocity"),
    (&["xercesImpl"], "xerces"),
    (&["xmlbeans"], "org.apache.xmlbeans"),
    (&["xstream"], "com.thoughtworks.xstream"),
    (&["zookeeper"], "org.apache.zookeeper"),
];

const PREFIX: &[(&[&str], &str)] = &[
    (&["spring-batch-"], "org.springframework.batch"),
    (&["spring-boot-"], "org.springframework.boot"),
    (&["spring-cloud-"], "org.springframework.cloud"),
    (&["spring-data-"], "org.springframework.data"),
    (&["spring-integration-"], "org.springframework.integration"),
    (&["spring-ldap-"], "org.springframework.ldap"),
    (&["spring-security-"], "org.springframework.security"),
    (&["spring-session-"], "org.springframework.session"),
    (&["spring-ws-"], "org.springframework.ws"),
    (&["bcmail-", "bcpg-", "bcpkix-", "bcprov-", "bctls-", "bcutil-"], "org.bouncycastle"),
    (&["grpc-"], "io.grpc"),
    (&["jetty-"], "org.eclipse.jetty"),
    (&["kotlin-stdlib"], "org.jetbrains.kotlin"),
    (&["kotlinx-coroutines-", "kotlinx-serialization-"], "org.jetbrains.kotlinx"),
    (&["lucene-"], "org.apache.lucene"),
    (&["micrometer-"], "io.micrometer"),
    (&["netty-"], "io.netty"),
    (&["reactor-netty"], "io.projectreactor.netty"),
    (&["tomcat-embed-"], "org.apache.tomcat.embed"),
    (&["tomcat-"], "org.apache.tomcat"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_artifacts_have_a_group() {
        let cases = [
            ("commons-io", Some("commons-io")),
            ("spring-core", Some("org.springframework")),
            ("spring-security-oauth2", Some("org.springframework.security.oauth")),
            ("spring-security-web", Some("org.springframework.security")),
            ("tomcat-embed-core", Some("org.apache.tomcat.embed")),
            ("tomcat-coyote", Some("org.apache.tomcat")),
            ("spring", None),
            ("", None),
        ];
        for (artifact, group) in cases {
            assert_eq!(of(artifact), group, "{artifact}");
        }
    }
}
