//! Calls about images.

use std::time::Duration;

use corvette_proto::cri::{
    AuthConfig, FilesystemUsage, Image, ImageFilter, ImageFsInfoRequest, ImageSpec, ImageStatusRequest,
    ListImagesRequest, PodSandboxConfig, PullImageRequest, RemoveImageRequest,
};

use super::runtime::{TIMEOUT, call};
use super::{Error, Result, Runtime};

/// Deadline of a pull. The runtime gives up much earlier when no bytes arrive (containerd: image_pull_progress_timeout);
/// this one only bounds a pull that trickles for ever.
const PULL_TIMEOUT: Duration = Duration::from_secs(3600);

impl Runtime {
    /// Lists the images on the node.
    ///
    /// # Errors
    /// As every call.
    pub async fn list_images(&self) -> Result<Vec<Image>> {
        let mut client = self.images.clone();
        let message = ListImagesRequest { filter: Some(ImageFilter::default()) };
        Ok(call("ListImages", TIMEOUT, message, |r| async move { client.list_images(r).await }).await?.images)
    }

    /// Looks up an image by reference or id; `None` when it is not on the node.
    ///
    /// # Errors
    /// As every call; a malformed reference fails too.
    pub async fn image_status(&self, image: &str) -> Result<Option<Image>> {
        let mut client = self.images.clone();
        let message = ImageStatusRequest { image: Some(spec(image)), verbose: false };
        Ok(call("ImageStatus", TIMEOUT, message, |r| async move { client.image_status(r).await }).await?.image)
    }

    /// Fetches an image and gives its id on the node.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the registry does not have it; [`Error::Failed`] when it cannot be reached or refuses.
    pub async fn pull_image(
        &self,
        image: &str,
        auth: Option<AuthConfig>,
        sandbox_config: Option<PodSandboxConfig>,
    ) -> Result<String> {
        let mut client = self.images.clone();
        let message = PullImageRequest { image: Some(spec(image)), auth, sandbox_config };
        let answer = call("PullImage", PULL_TIMEOUT, message, |r| async move { client.pull_image(r).await }).await?;
        if answer.image_ref.is_empty() {
            return Err(Error::incomplete("PullImage", "image reference"));
        }
        Ok(answer.image_ref)
    }

    /// Removes an image under all its names. Removing again is success.
    ///
    /// # Errors
    /// As every call.
    pub async fn remove_image(&self, image: &str) -> Result<()> {
        let mut client = self.images.clone();
        let message = RemoveImageRequest { image: Some(spec(image)) };
        call("RemoveImage", TIMEOUT, message, |r| async move { client.remove_image(r).await }).await.map(drop)
    }

    /// Reports the filesystems that hold images.
    ///
    /// # Errors
    /// As every call.
    pub async fn image_fs_info(&self) -> Result<Vec<FilesystemUsage>> {
        let mut client = self.images.clone();
        let answer =
            call("ImageFsInfo", TIMEOUT, ImageFsInfoRequest {}, |r| async move { client.image_fs_info(r).await });
        Ok(answer.await?.image_filesystems)
    }
}

/// An image by what the pod's author wrote.
fn spec(image: &str) -> ImageSpec {
    ImageSpec { image: image.to_owned(), user_specified_image: image.to_owned(), ..Default::default() }
}
