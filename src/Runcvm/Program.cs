Console.Error.WriteLine("runcvm: no verbs yet");
return 1;
