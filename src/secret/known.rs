//! Keys that were published on purpose: in test suites of well-known projects, in standards, in documentation.
//!
//! They come from packages that everyone installs: the self-tests of `GnuTLS`, the tests of `CPython`,
//! Twisted, Tornado, ecdsa, Go and its x/crypto, and of npm's public-encrypt, http-signature, selfsigned and spdy.

use crate::digest::Digest;

/// The first 32 hexadecimal digits of the SHA-256 of each: of the decoded bytes for keys, of the value for tokens. Sorted.
static PUBLISHED: &[&str] = &[
    "0294b4406902e33bb02f89eaf4c69132",
    "051848dd074db519a352c8c24a94ee4b",
    "09416ba3e0782523c56225fb168cd58c",
    "09ec38989a5fb269b4e640efde1351fe",
    "09f1c1a4680df80b9e8e6e587d3a787d",
    "0a2752b0357bf66fe9ddb7e939150783",
    "0d5c183767bcde2df403b7a9c6d853eb",
    "1b2957613e7545dd526c719ca890db74",
    "1c645b09445bebb21135ea495852fca7",
    "1de5ac5cb37d8d365ecb782bdd4e7998",
    "233a89eaa6a10f88f9a0966725acf545",
    "2676185b5e6b616a36ef436b955bd686",
    "2859ff03b44c8f0e4f96604b8cced325",
    "2c456ab58e3d287d76a12a4b4b1f24c1",
    "2e335faf2a795de1829806e8209991f6",
    "30325068603a16a0d32a8da3c8a9aa8a",
    "31761af00a5f284021996f5edcf1b960",
    "3b82fa05ac66f898d5b61c9105b20546",
    "3f9029a7698702f34ccf12a053924cd5",
    "4187521b4103fbf11de69bee24e094b0",
    "458022ddcb5598b39253bc027eb02c4f",
    "46b5bf2e6b6f2896d77afa68b92b0769",
    "47698284e7e71daff14ae45877645ca5",
    "47921b0a6df31713daab6ddd45f633f2",
    "4cfba72f445e7d7d8e2c5e2e9e2ec9f1",
    "512a3bec8c48bc541a1d7f46c9713402",
    "51f172e9fcd409dbaa2a5b02a1fdc952",
    "568ff063f1396d19b4c14888f46d3341",
    "58f58272b520a47dae28aef360ed94b6",
    "5d05a721ef921d3ab9161ac2ee8c5380",
    "5d9b829e08e7ccef2309b9650da5c690",
    "5dcaeda8c5181fa5cf6b0f83e9b2cd74",
    "60c323abe4854b03743005874156ef6e",
    "67263ca605cf3b085b460b3006b60dfd",
    "681516578c25ddf8202add8a24784708",
    "6a21b415d20c902ab683c129503ededf",
    "752ee47bdf36d975835639688763f0ac",
    "75521ada330ca9b0927ba74c758e4320",
    "7576ce4471a946828ad0175ab711a487",
    "75b741014fb5fc4168a6a4af9d23878e",
    "77222a0b0e017e55fa9f8508688d71be",
    "7ac0e93e01f9535766c29d8671dedc17",
    "7e38af7715bbb425a6aa8060b7c0af60",
    "82ff841e6cb7fdfb160c3c51f0081f78",
    "83d4d09f6eb606261e76d552a3c97839",
    "8547eb983f31a4007d9b636a2e8bee1d",
    "85f11ff5a5107ed9de2610a3856f7d3e",
    "87e288dc7dbc29a24241b596ec8c84f9",
    "88f3145770d602b6e68ec7ac8bd547d6",
    "88fe695fe42d8ecb69f56a6f0708ce7e",
    "8ffef375b96e952822d034e7c96bb819",
    "911a557a09dc315e15fdeef8ea198729",
    "929bd67eaab582572fbdd79478c23ef6",
    "92a9ec651a85b9791398447293d6e6ce",
    "995b8d5b08ac126a74f39d812fc8cce2",
    "9e8289be7c696c16c23e938f9ad0705c",
    "a259351b1aaaf9339b623916fe8172db",
    "a26741c999733d90c602dc4f52561a83",
    "a616604bc438b61833a0e8d8fcce429c",
    "a70f24304eba8198371c7417f048777d",
    "a84b5c73c4f97fc27e4bda310a1c8b68",
    "aa937c270bfefeacce13f7d21cb21f3f",
    "acc8520641497b79aa24b63e7cbf8ac3",
    "ae3695311b4c04f6f92c9bada40af830",
    "b0d4faa9e1112ecb23a4415895f1a806",
    "c62207ebe638e9f1e772f4d8a5b9be93",
    "c7f418fb71c5396f0200625381e59ad1",
    "cf1db3df60313e91a53c55e364963c67",
    "d1a6a197efd9030e5f7df3a42ecba1f8",
    "d245e52c341a76645e1b0e56c58dc964",
    "d490a6d4b0056606322e4509991a9b07",
    "d6a8b6a2941f1bfe5293e53d5ad583fc",
    "e361a2024a7bc70e2f1636459c50eff4",
    "e5341947213951c7b0327f28f7f6140e",
    "f022ad7b79455ba6902112002260e341",
    "f0a775ad2fd1cc81ca9b67ad167f98ee",
    "f139e02d7543073fde805889d553a384",
    "f4e80f54f0be59960a1f72abce695551",
    "f672d09685e0fa2cd39ba7ce4777c6bf",
    "fa657a9664ffa17010843e19dc2f4c71",
    "fb7f6509e3ab7681d618d8a5fee0b0c3",
    "fc368bc3008c06e440023008cdf17d36",
    "fceef0fac63a3f3a588002fc04c58586",
    "fd24c4d8d9d88c1e0e938950c5a5ad06",
    "ffdff0657e09322f4e6044cffe186e48",
];

/// What to note of a value that is known to be public.
pub(super) fn published(identity: &[u8]) -> Option<&'static str> {
    let digest = Digest::sha256(identity);
    let head = digest.hex().get(..32)?;
    PUBLISHED.binary_search(&head).is_ok().then_some("published test key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(PUBLISHED.is_sorted() && PUBLISHED.iter().all(|head| head.len() == 32));
        assert_eq!(published(b"not published"), None);
    }
}
