using Runcvm.Images;

if (args is ["build-image", .. var build]) return BuildVerb.Run(build);
Console.Error.WriteLine("runcvm: no verbs yet");
return 1;
