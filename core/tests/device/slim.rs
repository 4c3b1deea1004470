use tarishi_core::{Client, Error, Options};

#[tokio::test]
async fn without_http_of_its_own_the_library_asks_for_a_transport() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("queue.db"), "https://pay.example.org");
    let Err(Error::InvalidInput(problem)) = Client::open(options) else { panic!("it opened") };
    assert_eq!(problem.field.as_deref(), Some("transport"));
}
