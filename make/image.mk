# Build the image and push it.

##@ Image
.PHONY: image
image: ## Build the image (DOCKER_BUILD_FLAGS= is passed on; IMAGE_TAR= loads what `make save` wrote instead)
ifdef IMAGE_TAR
	@echo "loading $(IMAGE)"
	@docker tag "$$(docker load --input $(IMAGE_TAR) | sed -n 's/^Loaded image: //p')" $(IMAGE)
else
	@echo "building $(IMAGE)"
	@DOCKER_BUILDKIT=1 docker build $(DOCKER_BUILD_FLAGS) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --tag $(IMAGE) .
endif

.PHONY: push
push: image ## Push the image to REGISTRY= and write its digest to .build/digest
	@docker push $(IMAGE)
	@mkdir -p .build
	@docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' $(IMAGE) \
		| sed -n 's|^$(REGISTRY)/$(IMAGE_PATH)@||p' | tail -n 1 >.build/digest
	@echo "$(REGISTRY)/$(IMAGE_PATH):$(IMAGE_TAG)@$$(cat .build/digest)"

.PHONY: save
save: image ## Write the image to .build/image.tar
	@mkdir -p .build && docker save --output .build/image.tar $(IMAGE)

# Where a workflow has brought the image of another job, that is the one.
.build/image.tar:
	@$(MAKE) save
