namespace Runcvm.Images;

/// <summary>An image had to be built.</summary>
/// <param name="Seconds">how long that took</param>
/// <param name="Bytes">size of the image</param>
/// <param name="Reason">why, as the rest of a sentence that begins with "built because"</param>
internal sealed record BuildReport(double Seconds, long Bytes, string Reason);
